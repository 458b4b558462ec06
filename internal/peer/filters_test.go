package peer_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"dovetail/internal/peer"
	"dovetail/internal/peer/corpus"
)

// filter is a spam filter that learns.
type filter interface {
	Counts(user string) (spam, ham int)
	Verdict(user string, message []byte) string
	Stop()
	Start()
}

// Each filter learns, tells what it has learned, and still knows it after it was
// stopped and started, for one user and for no other.
func TestFilters(t *testing.T) {
	t.Run("rspamd", func(t *testing.T) {
		r := peer.StartRspamd(t, peer.RspamdOptions{PerUser: true})
		tryFilter(t, r, func(class string, message []byte) error {
			req, err := http.NewRequest("POST", "http://"+r.Addr+"/learn"+class, bytes.NewReader(message))
			if err != nil {
				return err
			}
			req.Header = http.Header{"Password": {peer.Password}, "Deliver-To": {"user1"}}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				return err
			}
			defer res.Body.Close()
			if res.StatusCode != http.StatusOK {
				return fmt.Errorf("answered %s", res.Status)
			}
			return nil
		})
		r.StopRedis()
		r.StartRedis()
		if spam, _ := r.Counts("user1"); spam != 0 {
			t.Errorf("a new redis knows %d messages", spam)
		}
	})
	t.Run("spamd", func(t *testing.T) {
		s := peer.StartSpamd(t, peer.SpamdOptions{})
		tryFilter(t, s, func(class string, message []byte) error {
			c, err := net.Dial("unix", s.Socket)
			if err != nil {
				return err
			}
			defer c.Close()
			fmt.Fprintf(c, "TELL SPAMC/1.5\r\nContent-length: %d\r\nUser: user1\r\nMessage-class: %s\r\nSet: local\r\n\r\n%s", len(message), class, message)
			answer, err := io.ReadAll(c)
			if err == nil && !bytes.Contains(answer, []byte("DidSet: local")) {
				err = fmt.Errorf("answered %q", answer)
			}
			return err
		})
	})
}

func tryFilter(t *testing.T, f filter, learn func(class string, message []byte) error) {
	t.Helper()
	c := corpus.New(1)
	for i := range 5 {
		for class, message := range map[string][]byte{"spam": c.Spam(i), "ham": c.Ham(i)} {
			if err := learn(class, message); err != nil {
				t.Fatalf("learning %s: %v", class, err)
			}
		}
	}
	f.Stop()
	if err := learn("spam", c.Spam(9)); err == nil {
		t.Error("it learns when it is stopped")
	}
	f.Start()
	if spam, ham := f.Counts("user1"); spam != 5 || ham != 5 {
		t.Errorf("learned %d spam, %d ham", spam, ham)
	}
	if spam, ham := f.Counts("user2"); spam != 0 || ham != 0 {
		t.Errorf("learned for another user: %d spam, %d ham", spam, ham)
	}
	for class, message := range map[string][]byte{"spam": c.Spam(10), "ham": c.Ham(10)} {
		if got := f.Verdict("user1", message); got != class {
			t.Errorf("%s is %q", class, got)
		}
		if got := f.Verdict("user2", message); got != "" {
			t.Errorf("%s is %q for a user of whom nothing was learned", class, got)
		}
	}
}
