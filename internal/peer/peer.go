// Package peer starts the mail servers that dovetail works beside, for tests
// and for the benchmark: Dovecot 2.3 of this machine (StartDovecot), Dovecot
// 2.4 from a folder of its own (StartDovecot24), Exim (StartExim), PostgreSQL
// (StartPostgres), and the spam filters rspamd (StartRspamd) and SpamAssassin's
// spamd (StartSpamd).
//
// Each runs in a fresh folder, on ports of its own on the loopback interface,
// without any configuration of the machine, and is stopped when the test ends.
// A line in Dovecot's log that tells of damage fails the test.
//
// Starting servers needs root and Debian's packages, which scripts/test-deps
// and scripts/dovecot24 provide. Where they are missing the test is skipped,
// but fails when DOVETAIL_CI=1 is set in the environment: see Need.
//
//	d := peer.StartDovecot(t, peer.DovecotOptions{Users: peer.OneUID(3)})
//	peer.DeliverLMTP(t, "unix:"+d.LMTPSocket, "a@example.net", []string{"user1@example.org"}, message)
//	box := peer.IMAP(t, d.IMAPAddr, "user1")
package peer

import (
	"os"
	"path/filepath"
)

// T is what the package asks of its caller: a *testing.T has it, and so has the
// benchmark.
type T interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
	Cleanup(func())
}

// The things that Need knows.
const (
	Root         = "root"
	Dovecot23    = "dovecot"
	Dovecot24    = "dovecot24"
	Exim4        = "exim"
	Pigeonhole   = "pigeonhole-suite"
	PostgreSQL   = "postgresql"
	RspamdRedis  = "rspamd" // with redis
	SpamAssassin = "spamd"
	Bogofilter   = "bogofilter"
	Systemd      = "systemd" // systemd-analyze
)

// Need skips the test, with the reason, unless everything named is there. With
// DOVETAIL_CI=1 in the environment it fails the test instead, so that nothing is
// left out unseen where all tests are to run.
func Need(t T, names ...string) {
	t.Helper()
	for _, name := range names {
		reason := missing(name)
		switch {
		case reason == "":
		case os.Getenv("DOVETAIL_CI") == "1":
			t.Fatalf("this test needs %s: %s", name, reason)
		default:
			t.Skipf("needs %s: %s", name, reason)
		}
	}
}

// missing returns why a thing is not there, or "".
func missing(name string) string {
	install := "scripts/test-deps installs it"
	var files []string
	switch name {
	case Root:
		if os.Geteuid() != 0 {
			return "run the test as root"
		}
		return ""
	case Dovecot23:
		files = []string{dovecotProgram, "/usr/lib/dovecot/imap", "/usr/lib/dovecot/lmtp", "/usr/bin/sievec"}
	case Dovecot24:
		install = "scripts/dovecot24 prepares it"
		files = []string{filepath.Join(dovecot24Root(), dovecotProgram)}
	case Exim4:
		files = []string{eximProgram}
	case Pigeonhole:
		install = "scripts/pigeonhole-suite fetches it"
		files = []string{PigeonholeSuite()}
	case PostgreSQL:
		if postgresProgram("postgres") == "" {
			return "PostgreSQL is not installed; " + install
		}
	case RspamdRedis:
		files = []string{rspamdProgram, redisProgram}
	case SpamAssassin:
		files = []string{spamdProgram}
	case Bogofilter:
		files = []string{bogofilterProgram, bogoutilProgram}
	case Systemd:
		files = []string{"/usr/bin/systemd-analyze"}
	default:
		return "unknown to the peer package"
	}
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			return err.Error() + "; " + install
		}
	}
	return ""
}

// CacheDir is where the scripts keep what they fetch once: $DOVETAIL_CACHE, else
// /var/cache/dovetail-test for root, else dovetail-test in the user's cache.
func CacheDir() string {
	if dir := os.Getenv("DOVETAIL_CACHE"); dir != "" {
		return dir
	}
	if os.Geteuid() == 0 {
		return "/var/cache/dovetail-test"
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "dovetail-test")
}

// PigeonholeSuite is the directory of Pigeonhole's own tests (*.svtest). They
// are there when Need(t, Pigeonhole) returns.
func PigeonholeSuite() string {
	return filepath.Join(CacheDir(), "pigeonhole-0.5.19", "tests")
}
