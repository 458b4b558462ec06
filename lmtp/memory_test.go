package lmtp

import (
	"bytes"
	"io"
	"net"
	"runtime"
	"testing"
)

// Sessions that wait for a command hold no memory of the messages before.
func TestIdleSessionsAreSmall(t *testing.T) {
	const sessions, bound = 64, 48 << 10 // bytes a session
	config := testConfig(null{})
	config.Limits.SpoolMemory = 1 << 20
	srv := New(config)
	message := bytes.Repeat([]byte("0123456789abcdef0123456789abcdef0123456789abcdef\r\n"), 10<<10)
	before := heap()
	in := make([]byte, 4096)
	for range sessions {
		client, server := net.Pipe()
		defer client.Close()
		go srv.ServeConn(t.Context(), server)
		if _, err := client.Read(in); err != nil {
			t.Fatal(err)
		}
		for _, said := range []string{lhlo + "MAIL FROM:<a@b>\r\nRCPT TO:<one@d>\r\nDATA\r\n", string(message) + ".\r\n"} {
			if _, err := io.WriteString(client, said); err != nil {
				t.Fatal(err)
			}
			if _, err := client.Read(in); err != nil {
				t.Fatal(err)
			}
		}
	}
	if held := (heap() - before) / sessions; held > bound {
		t.Errorf("an idle session holds %d bytes, want at most %d", held, bound)
	} else {
		t.Logf("an idle session holds %d bytes", held)
	}
}

// heap gives the bytes in use after what can be freed is freed; a sync.Pool lets
// go of its content in the second collection.
func heap() int64 {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
