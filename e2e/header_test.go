package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"dovetail/internal/message"
	"dovetail/internal/peer"
)

// A header of 50 MiB goes through the server whole, edited by a script, and takes
// little of its memory.
func TestHugeHeader(t *testing.T) {
	const size, most = 50 << 20, 256 << 10 // bytes; KiB
	for name, field := range map[string]string{
		"fields":       "X-Pad: " + strings.Repeat("p", 900) + "\n",
		"short fields": "X-Pad:\n",
		"folds":        "\tfolded " + strings.Repeat("p", 900) + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, []peer.User{bert})
			s.file(filepath.Join(s.dir, "sieve.d/10.sieve"), `require ["editheader", "fileinto", "mailbox", "mime", "body"];
				addheader "X-First" "1";
				deleteheader :last :index 1 "X-Pad";
				deleteheader "X-Gone";
				addheader :last "X-Last" "2";
				if anyof (header :mime :anychild :contains "X-Pad" "none", body :contains "nowhere") { discard; }
				fileinto :create "Huge";`, 0o644)
			s.start()
			head := "Subject: huge\nX-Gone: y\nX-Pad: 1\n"
			if err := s.deliver("bert", head+strings.Repeat(field, size/len(field))+"\nbody\n"); err != nil {
				t.Fatal(err)
			}
			for _, m := range s.count("bert", "Huge", 1) {
				// What may be gone is the field deleted: as much of it as is looked at.
				if n := len(m.text); n < size-message.MaxHeader-2*len(field) || !strings.HasSuffix(m.text, "\n\nbody\n") {
					t.Errorf("%d bytes are stored, of %d", n, size)
				}
				first, _ := m.header("X-First")
				if _, gone := m.header("X-Gone"); first != "1" || gone {
					t.Errorf("the header was not edited: %.200q", m.text)
				}
			}
			used := peakMemory(t, s.server.PID())
			t.Logf("peak memory of the server: %d MiB", used>>10)
			if used > most {
				t.Errorf("the server has used %d KiB of memory, at most %d allowed", used, most)
			}
			s.sound("bert", 0)
		})
	}
}

// peakMemory gives the most memory that a process has used, in KiB.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		t.Fatalf("no VmHWM in %s", status)
	}
	used, err := strconv.Atoi(fields[0])
	if err != nil {
		t.Fatal(err)
	}
	return used
}
