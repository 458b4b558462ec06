package program

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"dovetail/internal/peer"
)

// patience bounds what has to happen, and what is tried again with more time where
// the machine was too busy to begin with it.
const patience = time.Minute

// programs makes a folder of shell scripts and gives its Runner.
func programs(t *testing.T, scripts map[string]string) *Runner {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil { // other users must get through
			t.Fatal(err)
		}
	}
	for name, text := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return &Runner{Dir: dir, Timeout: patience}
}

func TestRun(t *testing.T) {
	r := programs(t, map[string]string{
		"cat":    `cat`,
		"args":   `for a in "$@"; do printf '<%s>' "$a"; done`,
		"env":    `env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= | sort; pwd`,
		"fail":   `echo why >&2; exit 75`,
		"noread": `exit 0`,
		"signal": `kill -9 $$`,
	})
	big := strings.Repeat("0123456789\n", 100_000)
	tests := []struct {
		name    string
		job     Job
		lf      bool
		out     string
		status  int
		unread  bool
		stderr  string
		wantErr string
	}{
		{name: "input as CRLF", job: Job{Name: "cat", Input: strings.NewReader("a\nb\r\nc\r\rd\r")}, out: "a\r\nb\r\nc\r\rd\r"},
		{name: "input as LF", lf: true, job: Job{Name: "cat", Input: strings.NewReader("a\nb\r\nc\r\rd\r")}, out: "a\nb\nc\r\rd\r"},
		{name: "no input", job: Job{Name: "cat"}},
		{name: "big input", lf: true, job: Job{Name: "cat", Input: strings.NewReader(big)}, out: big},
		{name: "no shell sees the arguments", job: Job{Name: "args", Args: []string{"a b", "$HOME", "", "`id`", "-x"}}, out: "<a b><$HOME><><`id`><-x>"},
		{name: "environment", job: Job{Name: "env", Env: Env{User: "bob", Sender: "a@b", Home: "/h"}}, out: "HOME=/h\nSENDER=a@b\nUSER=bob\n/\n"},
		{name: "no environment", job: Job{Name: "env"}, out: "/\n"},
		{name: "exit status", job: Job{Name: "fail"}, status: 75, stderr: "why\n"},
		{name: "small input unread", job: Job{Name: "noread", Input: strings.NewReader("x")}},
		{name: "big input unread is no failure", job: Job{Name: "noread", Input: strings.NewReader(big)}, unread: true},
		{name: "signal", job: Job{Name: "signal"}, wantErr: "signal: killed"},
		{name: "input fails", job: Job{Name: "cat", Input: iotest.ErrReader(syscall.EIO)}, wantErr: "input/output error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			runner := *r
			runner.LF = tt.lf
			var out bytes.Buffer
			tt.job.Output = &out
			res, err := runner.Run(context.Background(), tt.job)
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Fatalf("error %v, want %q", err, tt.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if out.String() != tt.out {
				t.Errorf("output %.200q, want %.200q", out.String(), tt.out)
			}
			if res.Status != tt.status || res.Stderr != tt.stderr || (tt.unread && !res.Unread) {
				t.Errorf("got %+v", res)
			}
		})
	}
}

func TestTimeoutKillsTheGroup(t *testing.T) {
	r := programs(t, map[string]string{"stuck": `sleep 600 & echo $!; echo late >&2; wait`})
	for r.Timeout = 300 * time.Millisecond; ; r.Timeout *= 2 {
		var out bytes.Buffer
		res, err := r.Run(context.Background(), Job{Name: "stuck", Output: &out, Input: strings.NewReader(strings.Repeat("x", 1<<20))})
		if !errors.Is(err, ErrTimeout) {
			t.Fatalf("error %v", err)
		}
		if out.Len() > 0 {
			wantDead(t, out.String())
		}
		if res.Stderr == "late\n" {
			return
		}
		if r.Timeout > patience {
			t.Fatalf("stderr %q", res.Stderr)
		}
	}
}

func TestCancelKillsTheGroup(t *testing.T) {
	r := programs(t, map[string]string{"stuck": `sleep 600 & echo $!; wait`})
	ctx, cancel := context.WithCancel(context.Background())
	out := &trigger{do: cancel}
	if _, err := r.Run(ctx, Job{Name: "stuck", Output: out}); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	wantDead(t, out.String())
}

// trigger does something when it is first written to.
type trigger struct {
	bytes.Buffer
	do func()
}

func (w *trigger) Write(p []byte) (int, error) {
	defer w.do()
	return w.Buffer.Write(p)
}

// wantDead waits for the process whose number is in out to be gone or a zombie.
func wantDead(t *testing.T, out string) {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(out))
	if err != nil {
		t.Fatal(err)
	}
	for {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || bytes.Contains(stat, []byte(") Z ")) {
			return
		}
		if deadline, ok := t.Deadline(); ok && time.Until(deadline) < time.Second {
			t.Fatalf("process %d outlived its group's end", pid)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// What a program leaves behind is killed, in whatever process group it is, and what
// it writes right after the program's end is taken; a daemon lives on.
func TestChildrenLeftBehind(t *testing.T) {
	r := programs(t, map[string]string{
		"quiet":  `sleep 600 >/dev/null 2>&1 & echo $!`,
		"open":   `sleep 600 & echo $!`,
		"group":  `set -m; sleep 600 >/dev/null 2>&1 & echo $!`,
		"stop":   `sleep 600 & kill -STOP $!; echo $!`,
		"hup":    `trap "" HUP TERM INT; sleep 600 & echo $!`,
		"late":   `{ sleep 0.1; echo late; } &`,
		"daemon": `{ setsid sh -c 'echo $$; exec sleep 600 >/dev/null 2>&1' & } | { read -r pid; echo $pid; }`,
	})
	for _, name := range []string{"quiet", "open", "group", "stop", "hup", "late", "daemon"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			res, err := r.Run(context.Background(), Job{Name: name, Output: &out})
			if err != nil || res.Status != 0 {
				t.Fatalf("%+v, %v, output %q", res, err, out.String())
			}
			switch name {
			case "late":
				for end := time.Now().Add(patience); out.String() != "late\n"; {
					if out.Reset(); time.Now().After(end) {
						t.Fatal("its output is lost each time")
					}
					if _, err := r.Run(context.Background(), Job{Name: name, Output: &out}); err != nil {
						t.Fatal(err)
					}
				}
			case "daemon":
				pid, err := strconv.Atoi(strings.TrimSpace(out.String()))
				if err != nil || syscall.Kill(pid, syscall.SIGKILL) != nil {
					t.Errorf("the daemon is gone (%v)", err)
				}
			default:
				wantDead(t, out.String())
			}
		})
	}
}

// A program that goes wrong is ended, and the error has its name and the reason.
func TestHostilePrograms(t *testing.T) {
	r := programs(t, map[string]string{
		"hang":     `sleep 600 & echo $!; wait`,
		"groups":   `set -m; sleep 600 & echo $!; sleep 600`,
		"deaf":     `trap "" TERM HUP INT PIPE; echo $$; while :; do sleep 1; done`,
		"stdout":   `echo $$; sleep 0.2; exec yes`,
		"stderr":   `echo $$; exec yes >&2`,
		"close":    `echo $$; exec <&-; exec sleep 600`,
		"segv":     `echo $$; kill -SEGV $$`,
		"abort":    `sleep 600 & echo $!; kill -ABRT $$`,
		"forks":    `echo $$; while :; do sleep 600 & done`,
		"nonsense": `echo $$; exec /nonexistent/program`,
	})
	r.MaxOutput = 10_000
	input := strings.Repeat("x", 1<<20)
	for name, want := range map[string]string{
		"hang": "timed out", "groups": "timed out", "deaf": "timed out", "stdout": "too much output", "stderr": "timed out",
		"close": "timed out", "segv": "segmentation fault", "abort": "abort", "forks": "timed out", "nonsense": "",
	} {
		t.Run(name, func(t *testing.T) {
			if name != "forks" { // which needs the machine for itself
				t.Parallel()
			}
			runner := *r
			if want == "timed out" {
				runner.Timeout = 500 * time.Millisecond
			}
			var out bytes.Buffer
			res, err := runner.Run(context.Background(), Job{Name: name, Output: &out, Input: strings.NewReader(input)})
			for out.Len() == 0 && runner.Timeout < patience { // it had not begun
				runner.Timeout *= 2
				res, err = runner.Run(context.Background(), Job{Name: name, Output: &out, Input: strings.NewReader(input)})
			}
			switch {
			case want == "":
				if err != nil || res.Status != 127 || !strings.Contains(res.Stderr, "/nonexistent/program") {
					t.Errorf("%+v, %v", res, err)
				}
			case err == nil || !strings.Contains(err.Error(), strconv.Quote(name)) || !strings.Contains(err.Error(), want):
				t.Errorf("error %v, want %q", err, want)
			}
			if out.Len() > 10_000 || len(res.Stderr) > MaxStderr {
				t.Errorf("%d bytes of output, %d of errors", out.Len(), len(res.Stderr))
			}
			first, _, _ := strings.Cut(out.String(), "\n")
			wantDead(t, first)
			pid, _ := strconv.Atoi(first)
			for end := time.Now().Add(patience); len(members(pid)) > 0; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("processes are left: %v", members(pid))
				}
			}
		})
	}
}

func TestSessionOf(t *testing.T) {
	for stat, want := range map[string]int{
		"12 (sh) S 1 12 34 0": 34, "12 (a) R 1 2) S 3 4 5 0": 5, "12 (sh) Z 1 12 34 0": 0, "": 0, "12 (sh) S 1": 0, "12 (sh) S 1 2 x": 0,
	} {
		if got, alive := sessionOf([]byte(stat)); alive != (want != 0) || alive && got != want {
			t.Errorf("%q: %d, %v", stat, got, alive)
		}
	}
}

// slow takes its time with the first bytes.
type slow struct {
	bytes.Buffer
	once sync.Once
}

func (w *slow) Write(p []byte) (int, error) {
	w.once.Do(func() { time.Sleep(3 * pipeDelay) })
	return w.Buffer.Write(p)
}

// All that a program writes is taken, however slow the one is who takes it, and though a
// daemon holds the output open.
func TestSlowOutput(t *testing.T) {
	r := programs(t, map[string]string{
		"ends":   `echo $$; head -c 60000 /dev/zero`,
		"daemon": `setsid sleep 600 & echo $!; head -c 60000 /dev/zero`,
	})
	for _, name := range []string{"ends", "daemon"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := &slow{}
			_, err := r.Run(context.Background(), Job{Name: name, Output: out})
			line, rest, _ := strings.Cut(out.String(), "\n")
			if err != nil || len(rest) != 60000 {
				t.Errorf("%v, %d bytes", err, len(rest))
			}
			if pid, err := strconv.Atoi(line); name == "daemon" && (err != nil || syscall.Kill(pid, syscall.SIGKILL) != nil) {
				t.Errorf("the daemon is gone (%v)", err)
			}
		})
	}
}

func TestOutputIsBounded(t *testing.T) {
	r := programs(t, map[string]string{"cat": `cat`, "loud": `cat >&2`})
	r.MaxOutput, r.LF = 1000, true
	var out bytes.Buffer
	if _, err := r.Run(context.Background(), Job{Name: "cat", Output: &out, Input: strings.NewReader(strings.Repeat("x", 1000))}); err != nil || out.Len() != 1000 {
		t.Errorf("at the bound: %v, %d bytes", err, out.Len())
	}
	out.Reset()
	_, err := r.Run(context.Background(), Job{Name: "cat", Output: &out, Input: strings.NewReader(strings.Repeat("x", 1001))})
	if !errors.Is(err, ErrOutput) || out.Len() > 1000 {
		t.Errorf("past the bound: %v, %d bytes", err, out.Len())
	}
	res, err := r.Run(context.Background(), Job{Name: "loud", Input: strings.NewReader(strings.Repeat("x", 1<<20))})
	if err != nil || len(res.Stderr) != MaxStderr || res.Unread {
		t.Errorf("standard error: %v, %d bytes", err, len(res.Stderr))
	}
}

func TestRunAsUser(t *testing.T) {
	peer.Need(t, peer.Root)
	r := programs(t, map[string]string{"who": `id -u; id -g; id -G; ps -o pid=,pgid=,sid= -p $$ | awk '{print $1==$2, $2==$3}'`})
	var out bytes.Buffer
	_, err := r.Run(context.Background(), Job{Name: "who", Output: &out, Cred: &Cred{UID: 65534, GID: 65533, Groups: []uint32{65532}}})
	if err != nil || out.String() != "65534\n65533\n65533 65532\n1 1\n" {
		t.Errorf("%v: %q", err, out.String())
	}
}

func TestLookup(t *testing.T) {
	r := programs(t, map[string]string{"good": "", "open": "", "text": "", "ünï": ""})
	for name, mode := range map[string]os.FileMode{"open": 0o757, "text": 0o644} {
		if err := os.Chmod(filepath.Join(r.Dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(r.Dir, "dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"good": "", "ünï": "",
		"open": "writable by everybody", "text": "not executable", "dir": "not a regular file", "none": "not found",
		"": "invalid", ".": "invalid", "..": "invalid", "../good": "invalid", "/bin/sh": "invalid", "a\nb": "invalid",
		"a\x7f": "invalid", "a\u0085": "invalid", "a\u2028": "invalid", "\xff": "invalid",
		strings.Repeat("ü", MaxName+1): "invalid", strings.Repeat("ü", MaxName): "not found",
	} {
		_, err := r.Run(context.Background(), Job{Name: name})
		var lookup *LookupError
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", name, err)
		case want != "" && (!errors.As(err, &lookup) || !strings.Contains(lookup.Reason, want)):
			t.Errorf("%q: error %v, want %q", name, err, want)
		}
	}
	if _, err := (&Runner{}).Lookup("good"); err == nil || !strings.Contains(err.Error(), "no folder") {
		t.Errorf("without a folder: %v", err)
	}
}
