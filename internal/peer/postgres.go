package peer

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// Postgres is a running PostgreSQL with one database and one user, postgres.
type Postgres struct {
	*Process
	URL string // of the database, by its UNIX socket

	t     T
	start func() *Process
}

// postgresProgram finds a program of PostgreSQL's newest version here; "" for none.
func postgresProgram(name string) string {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		return ""
	}
	return slices.Max(found)
}

// StartPostgres starts a PostgreSQL that listens on a UNIX socket alone. Root
// runs it as the user postgres, since it refuses to run as root.
func StartPostgres(t T) *Postgres {
	t.Helper()
	Need(t, PostgreSQL)
	dir := Dir(t)
	data, socket := filepath.Join(dir, "data"), filepath.Join(dir, "run")
	for _, sub := range []string{data, socket} {
		if err := os.Mkdir(sub, 0o700); err != nil {
			t.Fatalf("%v", err)
		}
	}
	attr := &syscall.SysProcAttr{}
	if os.Geteuid() == 0 {
		attr.Credential = systemUser(t, "postgres")
		for _, sub := range []string{data, socket} {
			if err := os.Chown(sub, int(attr.Credential.Uid), int(attr.Credential.Gid)); err != nil {
				t.Fatalf("%v", err)
			}
		}
	}
	// --no-sync: nothing in here is to outlive the test.
	initdb := exec.Command(postgresProgram("initdb"), "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", data)
	initdb.SysProcAttr, initdb.Dir = attr, data
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	// SIGINT does not wait for clients to go.
	h := how{attr: attr, quit: syscall.SIGINT}
	p := &Postgres{t: t, URL: "postgres:///postgres?user=postgres&host=" + url.QueryEscape(socket)}
	p.start = func() *Process {
		return startProcess(t, filepath.Join(dir, "log"), h, postgresProgram("postgres"),
			"-D", data, "-k", socket, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=30")
	}
	p.Start()
	return p
}

// Kill ends it and all its children at once, as a crash would, and waits. SIGKILL
// would leave the children at work for a while.
func (p *Postgres) Kill() {
	p.t.Helper()
	p.Signal(p.t, syscall.SIGQUIT)
	<-p.done
}

// Start starts it anew after Stop or Kill, with its data.
func (p *Postgres) Start() {
	p.t.Helper()
	p.Process = p.start()
	p.WaitReady(p.t, func() error {
		out, err := exec.Command(postgresProgram("psql"), p.URL, "-Atc", "SELECT 1").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
}

// systemUser gives the ids of a user of this machine.
func systemUser(t T, name string) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatalf("%v", err)
	}
	uid, errU := strconv.ParseUint(u.Uid, 10, 32)
	gid, errG := strconv.ParseUint(u.Gid, 10, 32)
	if errU != nil || errG != nil {
		t.Fatalf("the user %s has the ids %s and %s", name, u.Uid, u.Gid)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
