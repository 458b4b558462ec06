package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"dovetail/internal/fsx"
	"dovetail/internal/peer"
	"dovetail/learn/queue"
)

// While a classifier does its worst, mail to a user, whose script has it learned, and
// mail to a spamtrap is answered. All of it is learned when there is a better one.
func TestDeliveryWhileLearningHangs(t *testing.T) {
	for name, treat := range hostility {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, pupil := newSite(t, peer.OneUID(1)), newPupil(t)
			dir := filepath.Join(s.dir, "queue")
			configure := func(url string) {
				s.extra["learn"] = fmt.Sprintf("queue_dir = %q\nqueue_interval = \"10ms\"\nstatus_file = \"\"\n"+
					"spamtrap = [\"trap@example.org\"]\nbackends = [\"rspamd\"]\nrspamd.url = %q\n", dir, url)
				s.write()
			}
			s.siteScripts()
			s.file(filepath.Join(s.dir, "bin/sa-learn-spam.sh"), fmt.Sprintf("#!/bin/sh\nexec %s -c %s \"$@\"\n", binary("learn-spam"), s.config()), 0o755)
			configure(hostile(t, treat))
			start := func() *peer.Process {
				return peer.StartProcess(t, filepath.Join(s.dir, "learnd.log"), binary("dovetail-learnd"), "-c", s.config())
			}
			learnd := start()
			s.eventually("learnd to be ready", func() bool { return strings.Contains(learnd.Output(t), "msg=ready") })
			s.start()

			const each = 8
			var clients sync.WaitGroup
			for _, user := range []string{"trap", "user1"} {
				clients.Go(func() {
					for i := range each {
						if err := s.deliver(user, fmt.Sprintf("X-Bogosity: Spam\r\nSubject: %s %d\r\n\r\ntext\r\n", user, i)); err != nil {
							t.Errorf("%s: %v", user, err)
						}
					}
				})
			}
			clients.Wait()
			s.count("user1", "INBOX", each)
			q, err := queue.Open(dir, fsx.OS{})
			if err != nil {
				t.Fatal(err)
			}
			queued := func() int {
				ids, err := q.IDs()
				if err != nil {
					t.Fatal(err)
				}
				return len(ids)
			}
			if n := queued(); n != 2*each {
				t.Errorf("%d lessons in the queue, want %d\n%s", n, 2*each, learnd.Output(t))
			}
			learnd.Stop(t)
			configure(pupil.URL)
			learnd = start()
			s.eventually("all to be learned", func() bool { return queued() == 0 })
			learnd.Stop(t)
			if n := len(pupil.classes); n != 2*each {
				t.Errorf("%d messages are learned, want %d\n%s", n, 2*each, learnd.Output(t))
			}
		})
	}
}
