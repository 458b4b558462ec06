package lmtp

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var replies = regexp.MustCompile(`^(?:[2345]\d\d[ -][^\r\n]*\r\n)*$`)

// Whatever a client sends, the session ends when the client closes, says nothing
// but reply lines of allowed length, and gives back all that it held.
func FuzzSession(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var said strings.Builder
		for line := range strings.Lines(string(text)) {
			if line, ok := strings.CutPrefix(line, "C: "); ok {
				said.WriteString(strings.TrimSpace(line) + "\r\n")
			}
		}
		f.Add(said.String())
	}
	f.Fuzz(func(t *testing.T, input string) {
		rec := newRecorder()
		config := testConfig(rec)
		config.Limits.MessageSize, config.Limits.SpoolMemory, config.Limits.LargeSpools, config.Limits.SpoolDir = 10000, 100, -1, t.TempDir()
		client, server := net.Pipe()
		ended := make(chan struct{})
		go func() {
			New(config).ServeConn(t.Context(), addrConn{server, &net.UnixAddr{Net: "unix"}})
			close(ended)
		}()
		output := make(chan string, 1)
		go func() {
			out, _ := io.ReadAll(client) // what came before the error is what counts
			output <- string(out)
		}()
		// A server that has said 421 reads no more.
		if _, err := io.WriteString(client, input); err == nil {
			io.WriteString(client, "\r\nNOOP\r\n")
		}
		client.Close()
		<-ended
		out := <-output
		if !replies.MatchString(out) {
			t.Errorf("not reply lines: %q", out)
		}
		for line := range strings.Lines(out) {
			if len(line) > 512 {
				t.Errorf("a reply line of %d bytes", len(line))
			}
		}
		waitFor(t, func() bool {
			rec.mu.Lock()
			defer rec.mu.Unlock()
			return rec.held == 0
		})
	})
}

// waitFor waits for what another goroutine does soon.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not happen")
		}
	}
}
