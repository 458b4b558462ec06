package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"dovetail/internal/peer"
)

// converse speaks LMTP with a server: it sends one message and returns all that
// the server has said.
func converse(in io.Writer, out io.Reader) (string, error) {
	r := bufio.NewReader(out)
	var said strings.Builder
	reply := func() error {
		for {
			line, err := r.ReadString('\n')
			said.WriteString(line)
			if err != nil || len(line) < 4 || line[3] != '-' {
				return err
			}
		}
	}
	if err := reply(); err != nil {
		return said.String(), err
	}
	for _, command := range []string{
		"LHLO peer.example.org", "MAIL FROM:<a@example.net>", "RCPT TO:<bert@example.org>", "RCPT TO:<nobody@example.org>",
		"DATA", letter + ".", "QUIT",
	} {
		if _, err := io.WriteString(in, command+"\r\n"); err != nil {
			return said.String(), err
		}
		if err := reply(); err != nil {
			return said.String(), err
		}
	}
	rest, err := io.ReadAll(r)
	said.Write(rest)
	return said.String(), err
}

// --inetd serves one session on standard input and output, be they a socket, as
// xinetd gives, or two pipes.
func TestInetd(t *testing.T) {
	for _, kind := range []string{"socket", "pipes"} {
		t.Run(kind, func(t *testing.T) {
			s := newSite(t, []peer.User{bert})
			s.write()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, binary("dovetail-lmtpd"), "-c", s.config(), "--inetd")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			in, out := stdio(t, cmd, kind)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if f, ok := cmd.Stdin.(*os.File); ok {
				f.Close()
			}
			said, err := converse(in, out)
			if err != nil {
				t.Errorf("the session broke: %v", err)
			}
			checkSession(t, s, said)
			if err := cmd.Wait(); err != nil {
				t.Errorf("after QUIT: %v\n%s", err, &stderr)
			}
			if _, err := os.Lstat(s.socket); !os.IsNotExist(err) {
				t.Errorf("with --inetd the socket of the configuration was opened (%v)", err)
			}
		})
	}
}

// stdio connects a program's standard input and output to the test.
func stdio(t *testing.T, cmd *exec.Cmd, kind string) (io.Writer, io.Reader) {
	t.Helper()
	if kind == "pipes" {
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		return in, out
	}
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	theirs, ours := os.NewFile(uintptr(fds[0]), "theirs"), os.NewFile(uintptr(fds[1]), "ours")
	cmd.Stdin, cmd.Stdout = theirs, theirs
	t.Cleanup(func() { ours.Close() })
	return ours, ours
}

// checkSession checks the answers of converse, and that the message is there.
func checkSession(t *testing.T, s *site, said string) {
	t.Helper()
	var codes []string
	for line := range strings.Lines(said) {
		if len(line) > 3 && line[3] == ' ' {
			codes = append(codes, line[:3])
		}
	}
	if got, want := strings.Join(codes, " "), "220 250 250 250 550 354 250 221"; got != want {
		t.Errorf("answers %s, want %s:\n%s", got, want, said)
	}
	s.count("bert", "INBOX", 1)
	s.sound("bert", 0)
}

// A socket passed by systemd is served, and the one of the configuration is not
// opened; readiness is told by sd_notify and in the log.
func TestSystemdSocket(t *testing.T) {
	s := newSite(t, []peer.User{bert})
	s.write()
	path := filepath.Join(s.dir, "passed")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	file, err := listener.File()
	if err != nil {
		t.Fatal(err)
	}
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(s.dir, "notify")})
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close()

	cmd := exec.Command("/bin/sh", "-c", "export LISTEN_PID=$$; exec \"$0\" \"$@\"", binary("dovetail-lmtpd"), "-c", s.config())
	cmd.Env = append(os.Environ(), "LISTEN_FDS=1", "NOTIFY_SOCKET="+notify.LocalAddr().String())
	cmd.ExtraFiles = []*os.File{file}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer cmd.Process.Kill()

	state := make([]byte, 4096)
	_ = notify.SetReadDeadline(time.Now().Add(patience))
	n, err := notify.Read(state)
	if err != nil || !strings.Contains(string(state[:n]), "READY=1") {
		t.Fatalf("notified: %q, %v", state[:n], err)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	said, err := converse(conn, conn)
	if err != nil {
		t.Errorf("the session broke: %v", err)
	}
	checkSession(t, s, said)
	if _, err := os.Lstat(s.socket); !os.IsNotExist(err) {
		t.Errorf("the socket of the configuration was opened too (%v)", err)
	}

	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("SIGTERM: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("SIGTERM does not end it")
	}
	if !strings.Contains(log.String(), "ready") {
		t.Errorf("the log:\n%s", &log)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("systemd's socket was removed: %v", err)
	}
}

// --listen replaces the listeners of the configuration, and can be given twice.
func TestListen(t *testing.T) {
	s := newSite(t, []peer.User{bert})
	s.write()
	one, tcp := filepath.Join(s.dir, "one"), fmt.Sprintf("127.0.0.1:%d", peer.FreePort(t))
	s.server = peer.StartProcess(t, s.log, binary("dovetail-lmtpd"), "-c", s.config(), "--listen", "unix:"+one, "--listen", "tcp:"+tcp)
	s.server.WaitReady(t, peer.Greets("unix", one, "220 "), peer.Greets("tcp", tcp, "220 "))
	for _, addr := range []string{"unix:" + one, "tcp:" + tcp} {
		if err := peer.DeliverLMTP(t, addr, "a@example.net", []string{"bert@example.org"}, letter)[0]; err != nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
	s.count("bert", "INBOX", 2)
	if _, err := os.Lstat(s.socket); !os.IsNotExist(err) {
		t.Errorf("the socket of the configuration was opened too (%v)", err)
	}
	if n := strings.Count(s.server.Output(t), "ready"); n < 2 {
		t.Errorf("%d lines tell of readiness:\n%s", n, s.server.Output(t))
	}
}
