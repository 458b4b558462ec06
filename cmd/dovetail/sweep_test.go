package main

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dovetail/internal/mailerr"
	"dovetail/internal/userdb"
)

// A user whose mail never answers does not keep a run from ending when its time is over.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		var said strings.Builder
		s := &sweep{
			options: &sweepOptions{all: true, maxTime: time.Minute}, users: &userdb.Resolver{Users: &database{}},
			stderr: &said, jobs: 1, patience: time.Minute,
		}
		s.work = func(_ context.Context, name string) error {
			if name == "b" {
				<-release
			}
			return nil
		}
		err := s.run(t.Context())
		if mailerr.ExitCode(err) != mailerr.ExTempFail || err.Error() != "stopped after 1m0s, in the last of 2 users" || !strings.Contains(said.String(), "from the mail of: b\n") || !s.stopped {
			t.Errorf("%v, %s", err, &said)
		}
	})
}
