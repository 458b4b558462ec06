package peer

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const (
	startTimeout = 2 * time.Minute
	stopTimeout  = time.Minute
)

// Process is a server in the foreground, child of the test.
type Process struct {
	cmd    *exec.Cmd
	output *os.File
	done   chan struct{} // closed when it has ended
	err    error         // of Wait, valid after done
	quit   syscall.Signal
}

// StartProcess starts a server that stays in the foreground; its output goes to
// the file named. It is stopped at the end of the test, and must then still
// have been running.
func StartProcess(t T, output, program string, args ...string) *Process {
	t.Helper()
	return startProcess(t, output, how{quit: syscall.SIGTERM}, program, args...)
}

// StartCommand does the same with a command that was prepared: its standard output,
// standard error and environment are as they are, where they are set.
func StartCommand(t T, output string, cmd *exec.Cmd) *Process {
	t.Helper()
	return startCommand(t, output, how{quit: syscall.SIGTERM}, cmd)
}

// how says how a server is started and stopped.
type how struct {
	attr *syscall.SysProcAttr
	quit syscall.Signal // ends it in an orderly manner
}

func startProcess(t T, output string, h how, program string, args ...string) *Process {
	t.Helper()
	return startCommand(t, output, h, exec.Command(program, args...))
}

func startCommand(t T, output string, h how, cmd *exec.Cmd) *Process {
	t.Helper()
	out, err := os.OpenFile(output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatalf("%v", err)
	}
	p := &Process{cmd: cmd, output: out, done: make(chan struct{}), quit: h.quit}
	cmd.SysProcAttr = h.attr
	if cmd.Stdout == nil {
		cmd.Stdout = out
	}
	if cmd.Stderr == nil {
		cmd.Stderr = out
	}
	if cmd.Env == nil {
		cmd.Env = append(os.Environ(), "LC_ALL=C")
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", cmd.Path, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		out.Close()
		close(p.done)
	}()
	t.Cleanup(func() { p.Stop(t) })
	return p
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Running tells whether it has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Stop ends the server in an orderly manner and waits. Stopping it again does
// nothing.
func (p *Process) Stop(t T) {
	t.Helper()
	if !p.Running() {
		return
	}
	_ = p.cmd.Process.Signal(p.quit)
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill()
		<-p.done
		t.Errorf("%s did not stop within %v and was killed", p.cmd.Path, stopTimeout)
	}
}

// Kill ends the server by SIGKILL, as a crash would, and waits.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// Signal sends a signal to the server, which must be running.
func (p *Process) Signal(t T, signal os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		t.Fatalf("signal to %s: %v", p.cmd.Path, err)
	}
}

// Ended waits until the server has ended, and returns its exit status, -1 when a
// signal ended it. It fails the test when that takes longer than timeout.
func (p *Process) Ended(t T, timeout time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(timeout):
		t.Fatalf("%s has not ended within %v", p.cmd.Path, timeout)
	}
	return p.cmd.ProcessState.ExitCode()
}

// Output returns what the server has written to standard output and error.
func (p *Process) Output(t T) string {
	t.Helper()
	text, err := os.ReadFile(p.output.Name())
	if err != nil {
		t.Fatalf("reading the output of %s: %v", p.cmd.Path, err)
	}
	return string(text)
}

// Says waits until what the server has written holds text so many times. It fails the
// test when that takes longer than timeout.
func (p *Process) Says(t T, text string, times int, timeout time.Duration) {
	t.Helper()
	for end := time.Now().Add(timeout); strings.Count(p.Output(t), text) < times; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s has not said %q %d times:\n%s", p.cmd.Path, text, times, p.Output(t))
		}
	}
}

// WaitReady waits until every check returns nil.
func (p *Process) WaitReady(t T, checks ...func() error) {
	t.Helper()
	deadline := time.Now().Add(startTimeout)
	for _, check := range checks {
		for {
			err := check()
			if err == nil {
				break
			}
			if !p.Running() || time.Now().After(deadline) {
				text, _ := os.ReadFile(p.output.Name())
				t.Fatalf("%s did not get ready: %v (ended: %v, %v)\n%s", p.cmd.Path, err, !p.Running(), p.err, text)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// Greets checks that a server answers a connection with a line that begins as
// given.
func Greets(network, address, begin string) func() error {
	return func() error {
		c, err := net.DialTimeout(network, address, time.Second)
		if err != nil {
			return err
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(clientTimeout))
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil {
			return fmt.Errorf("reading the greeting of %s: %w", address, err)
		}
		if !strings.HasPrefix(line, begin) {
			return fmt.Errorf("%s greets with %q", address, line)
		}
		return nil
	}
}

// exists checks that a file is there.
func exists(name string) func() error {
	return func() error {
		_, err := os.Stat(name)
		return err
	}
}
