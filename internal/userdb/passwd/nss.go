package passwd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"dovetail/internal/mailerr"
	"dovetail/internal/userdb"
)

const (
	getentTimeout = 20 * time.Second
	// getentAtOnce bounds the processes that run at the same time.
	getentAtOnce = 8
	keepUser     = time.Minute
	keepUnknown  = 10 * time.Second
	// keepMost bounds the answers that are remembered.
	keepMost = 10000
	// notFound is the exit status of getent for a key that is not there.
	notFound = 2
)

// nss asks the name service through getent(1).
type nss struct {
	program string
	slots   chan struct{}

	mu      sync.Mutex
	answers map[string]answer
}

type answer struct {
	user  *userdb.User // nil: definitely unknown
	until time.Time
}

func newNSS(program string) *nss {
	return &nss{program: program, slots: make(chan struct{}, getentAtOnce), answers: make(map[string]answer)}
}

func (n *nss) lookup(ctx context.Context, name string) (*userdb.User, error) {
	if strings.HasPrefix(name, "-") || isNumber(name) {
		return nil, userdb.Unknown(name) // getent takes one for an option, the other for a uid
	}
	n.mu.Lock()
	a, ok := n.answers[name]
	n.mu.Unlock()
	if !ok || time.Now().After(a.until) {
		user, err := n.ask(ctx, name)
		if err != nil && !mailerr.IsPermanent(err) {
			return nil, err
		}
		a = n.remember(name, user)
	}
	if a.user == nil {
		return nil, userdb.Unknown(name)
	}
	return a.user.Clone(), nil
}

func (n *nss) remember(name string, user *userdb.User) answer {
	a := answer{user, time.Now().Add(keepUser)}
	if user == nil {
		a.until = time.Now().Add(keepUnknown)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.answers) >= keepMost {
		clear(n.answers)
	}
	n.answers[name] = a
	return a
}

// ask gives the user, an Unknown error, or a fault.
func (n *nss) ask(ctx context.Context, name string) (*userdb.User, error) {
	out, err := n.getent(ctx, "passwd", name)
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == notFound {
			return nil, userdb.Unknown(name)
		}
		return nil, userdb.Fault(err)
	}
	users, err := parsePasswd(bytes.NewReader(out))
	if err != nil || len(users) != 1 {
		return nil, userdb.Fault(fmt.Errorf("getent passwd %s: cannot read the answer %q", name, out))
	}
	user := slices.Collect(maps.Values(users))[0] // its name may be in another case than the one asked for, as LDAP has it
	// "NAME 4 24 27": the groups by number.
	out, err = n.getent(ctx, "initgroups", user.Name)
	if err != nil {
		return nil, userdb.Fault(err)
	}
	_, list, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	for f := range strings.FieldsSeq(list) {
		gid, err := strconv.ParseUint(f, 10, 32)
		if err != nil {
			return nil, userdb.Fault(fmt.Errorf("getent initgroups %s: cannot read the answer %q", name, out))
		}
		if uint32(gid) != user.GID {
			user.Groups = append(user.Groups, uint32(gid))
		}
	}
	return user, nil
}

func (n *nss) list(ctx context.Context) (map[string]*userdb.User, error) {
	out, err := n.getent(ctx, "passwd")
	if err != nil {
		return nil, err
	}
	return parsePasswd(bytes.NewReader(out))
}

func (n *nss) getent(ctx context.Context, args ...string) ([]byte, error) {
	select {
	case n.slots <- struct{}{}:
		defer func() { <-n.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, getentTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, n.program, args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("getent %s: %w", strings.Join(args, " "), err)
	}
	return out, nil
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil
}
