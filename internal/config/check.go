package config

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"dovetail/expire/archive"
	"dovetail/internal/userdb/expand"
	"dovetail/maildir"
)

// checks are the checks that the tag "check" names, for one string; an empty
// string is never checked.
var checks = map[string]func(string) error{
	"template":   checkTemplate,
	"location":   checkLocation,
	"address":    checkAddress,
	"hostname":   checkHostname,
	"delimiter":  checkDelimiter,
	"fieldname":  checkFieldName,
	"xfield":     checkXField,
	"separator":  checkSeparator,
	"quota":      checkQuota,
	"specialuse": checkSpecialUse,
	"grace":      checkGrace,
	"listen":     func(s string) error { _, _, err := ParseListen(s); return err },
	"mode":       func(s string) error { _, err := ParseMode(s); return err },
	"network":    func(s string) error { _, err := ParseNetwork(s); return err },
	"path":       checkPath,
	"socketdir":  checkSocketDir,
	"script":     checkScript,
	"attributes": func(s string) error { _, err := parseAttributes(s); return err },
	"source":     checkSource,
	"hostport":   checkHostPort,
	"controller": checkController,
	"server":     checkServer,
	"homepath":   checkHomePath,
	"state":      checkState,
	"mailbox":    checkMailbox,
	"archive":    func(s string) error { _, err := archive.Parse(s); return err },
	"amount":     checkAmount,
	"homefile":   checkHomeFile,
}

// check looks at a value that was taken over.
func (b *binder) check(path string, v reflect.Value, tag reflect.StructTag) {
	check := checks[tag.Get("check")]
	switch tag.Get("check") {
	case "uid":
		check = func(s string) error { _, err := b.uid(s); return err }
	case "gid":
		check = func(s string) error { _, err := b.gid(s); return err }
	}
	if oneof := tag.Get("oneof"); oneof != "" {
		check = func(s string) error {
			if !slices.Contains(strings.Fields(oneof), s) {
				return fmt.Errorf("%q is not one of %s", s, strings.ReplaceAll(oneof, " ", ", "))
			}
			return nil
		}
	}
	switch value := v.Interface().(type) {
	case string:
		if check != nil && (value != "" || tag.Get("oneof") != "") {
			b.failIf(path, check(value))
		}
	case []string:
		for i, s := range value {
			switch {
			case s == "":
				b.failIf(b.element(path, i), errors.New("is empty"))
			case check != nil:
				b.failIf(b.element(path, i), check(s))
			}
		}
	case time.Duration:
		b.bounds(path, tag, int64(value), func(n int64) string { return formatDuration(time.Duration(n)) })
	case int64:
		b.bounds(path, tag, value, formatSize)
	case int:
		b.bounds(path, tag, int64(value), func(n int64) string { return strconv.FormatInt(n, 10) })
	}
}

// element names an element of a list by its own line, if the file has it there.
func (b *binder) element(path string, i int) string {
	if name := fmt.Sprintf("%s[%d]", path, i); b.lines[name] > 0 && strings.HasPrefix(b.at(path), b.file) {
		return name
	}
	return path
}

func (b *binder) failIf(path string, err error) {
	if err != nil {
		b.fail(path, "%v", err)
	}
}

func (b *binder) bounds(path string, tag reflect.StructTag, n int64, format func(int64) string) {
	if low, err := strconv.ParseInt(tag.Get("min"), 10, 64); err == nil && n < low {
		b.fail(path, "%s is less than %s", format(n), format(low))
	}
	if high, err := strconv.ParseInt(tag.Get("max"), 10, 64); err == nil && n > high {
		b.fail(path, "%s is more than %s", format(n), format(high))
	}
}

func checkTemplate(s string) error {
	_, err := expand.Parse(s)
	return err
}

// checkLocation tries a mail location with a user of no meaning.
func checkLocation(s string) error {
	t, err := expand.Parse(s)
	if err != nil {
		return err
	}
	_, err = maildir.ParseLocation(t.Expand(&expand.Vars{User: "user@example.org", Home: "/home/user", UID: 1000, GID: 1000}))
	return err
}

func checkAddress(s string) error {
	if strings.Contains(s, "%") {
		return fmt.Errorf("%q: variables are not known here", s)
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Name != "" || strings.ContainsAny(s, " <>") {
		return fmt.Errorf("%q is not a mail address", s)
	}
	return nil
}

var hostname = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$|^\[[0-9A-Fa-f.:IPv]+\]$`)

func checkHostname(s string) error {
	if !hostname.MatchString(s) || strings.Contains(s, "..") {
		return fmt.Errorf("%q is not a host name", s)
	}
	return nil
}

func checkDelimiter(s string) error {
	for _, c := range s {
		if c <= ' ' || c >= 0x7f || strings.ContainsRune(`@"<>()[]\,;:`, c) {
			return fmt.Errorf("%q: the character %q cannot be a delimiter", s, c)
		}
	}
	return nil
}

var fieldName = regexp.MustCompile(`^[!-9;-~]+$`)

func checkFieldName(s string) error {
	if !fieldName.MatchString(s) {
		return fmt.Errorf("%q is not the name of a header field", s)
	}
	return nil
}

// checkXField checks the name of a field that is ours: those of the same name that
// a message comes with are taken away.
func checkXField(s string) error {
	if err := checkFieldName(s); err != nil {
		return err
	}
	if len(s) < 3 || !strings.EqualFold(s[:2], "x-") {
		return fmt.Errorf("%q: the name must begin with X-", s)
	}
	return nil
}

func checkSeparator(s string) error {
	if len(s) != 1 || s[0] <= ' ' || s[0] >= 0x7f || strings.ContainsAny(s, `*%&"~`) {
		return fmt.Errorf("%q is not a separator: it must be one character", s)
	}
	return nil
}

func checkPath(s string) error {
	if !filepath.IsAbs(s) {
		return fmt.Errorf("%q is not an absolute path", s)
	}
	return nil
}

// checkSocketDir checks a directory where learnd's sockets go.
func checkSocketDir(s string) error {
	if err := checkPath(s); err != nil {
		return err
	}
	_, _, err := ParseListen("unix:" + filepath.Join(s, "sa-learn-spam.sh")) // the longest name
	return err
}

func checkScript(s string) error {
	path, err := ScriptPath(s)
	if err == nil {
		_, err = expand.Parse(path)
	}
	if err == nil && !filepath.IsAbs(path) && !strings.HasPrefix(path, "~/") && !strings.HasPrefix(path, "%") {
		err = fmt.Errorf("%q is neither an absolute path nor below the home (~/)", path)
	}
	return err
}

// checkSource checks Pigeonhole's choice of a sender.
func checkSource(s string) error {
	if slices.Contains([]string{"sender", "recipient", "orig_recipient", "user_email", "postmaster", "<>"}, s) {
		return nil
	}
	address, ok := strings.CutPrefix(s, "<")
	address, ok2 := strings.CutSuffix(address, ">")
	if !ok || !ok2 || checkAddress(address) != nil {
		return fmt.Errorf("%q is not one of sender, recipient, orig_recipient, user_email, postmaster, or an address in <>", s)
	}
	return nil
}

func checkHostPort(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		host, port = s, "25"
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if _, ipErr := netip.ParseAddr(host); ipErr == nil && err == nil && n > 0 {
		return nil
	}
	if err != nil || n == 0 || checkHostname(host) != nil {
		return fmt.Errorf("%q is not HOST or HOST:PORT", s)
	}
	return nil
}

func checkState(s string) error {
	scheme, path, _ := strings.Cut(s, ":")
	switch {
	case scheme == "sqlite" && strings.HasPrefix(path, "/"), scheme == "postgres", scheme == "postgresql":
		return nil
	case scheme == "sqlite":
		return fmt.Errorf("%q: the path after sqlite: must begin with /", s)
	}
	return fmt.Errorf("%q is neither sqlite:/PATH nor postgres://…", s)
}

// ParseListen splits "unix:PATH" or "tcp:HOST:PORT" into network and address.
func ParseListen(s string) (network, address string, err error) {
	network, address, _ = strings.Cut(s, ":")
	switch network {
	case "unix":
		if !filepath.IsAbs(address) {
			return "", "", fmt.Errorf("%q: the path of a socket must be absolute", s)
		}
		if len(address) > 107 { // sun_path, unix(7)
			return "", "", fmt.Errorf("%q: the path of a socket can have 107 bytes", s)
		}
		return network, address, nil
	case "tcp":
		host, port, err := net.SplitHostPort(address)
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		if err == nil && host != "" && host != "localhost" {
			_, err = netip.ParseAddr(host)
		}
		if err != nil {
			return "", "", fmt.Errorf("%q: expected tcp:IP:PORT", s)
		}
		return network, address, nil
	}
	return "", "", fmt.Errorf("%q: expected unix:PATH or tcp:HOST:PORT", s)
}

// ParseMode reads the octal mode of a socket.
func ParseMode(s string) (uint32, error) {
	mode, err := strconv.ParseUint(s, 8, 32)
	if err != nil || mode > 0o777 {
		return 0, fmt.Errorf("%q is not an octal mode such as \"0660\"", s)
	}
	return uint32(mode), nil
}

// ParseNetwork reads an IP address or a network (192.0.2.0/24).
func ParseNetwork(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an IP address nor a network", s)
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// checkQuota checks one rule such as *:storage=1G:messages=100 or Trash:+10%.
func checkQuota(s string) error {
	_, err := maildir.ParseQuota([]string{s}, "")
	return err
}

func checkGrace(s string) error {
	_, err := maildir.ParseQuota([]string{"*:bytes=0"}, s)
	return err
}
