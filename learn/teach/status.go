package teach

import (
	"time"

	"dovetail/learn"
)

// Status is how a Teacher stands.
type Status struct {
	At       time.Time       `json:"at"`
	Queue    int             `json:"queue"`            // lessons in it
	Unread   int             `json:"unread,omitempty"` // of these: could not be looked at yet, or not while their giver has so many others
	Damaged  int             `json:"damaged,omitempty"`
	Oldest   *time.Time      `json:"oldest,omitempty"` // the time of the oldest lesson that waits
	Backends []BackendStatus `json:"backends"`
}

// BackendStatus is how a back end stands.
type BackendStatus struct {
	Name      string                `json:"name"`
	Up        bool                  `json:"up"`
	Since     time.Time             `json:"since"`           // it is up, or down
	Retry     *time.Time            `json:"retry,omitempty"` // when it is tried again
	LastError string                `json:"last_error,omitempty"`
	FailedAt  *time.Time            `json:"failed_at,omitempty"` // the time of that error
	Waiting   int                   `json:"waiting"`             // lessons
	Outcomes  map[learn.Outcome]int `json:"outcomes"`            // since the start
}

// Status tells how it stands.
func (t *Teacher) Status() Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := Status{
		At: t.Now(), Queue: t.left(), Unread: len(t.unread) + len(t.held), Damaged: len(t.damaged),
		Backends: []BackendStatus{},
	}
	for _, l := range t.lessons {
		if s.Oldest == nil || l.At.Before(*s.Oldest) {
			at := l.At
			s.Oldest = &at
		}
	}
	for _, l := range t.lanes {
		s.Backends = append(s.Backends, l.status())
	}
	return s
}

func (l *lane) status() BackendStatus {
	b := BackendStatus{
		Name: l.pupil.Backend.Name(), Up: l.failures == 0, Since: l.since, Waiting: l.waiting,
		Outcomes: make(map[learn.Outcome]int, len(l.outcomes)),
	}
	if !b.Up {
		retry := l.until
		b.Retry = &retry
	}
	if l.lastErr != nil {
		at := l.failedAt
		b.LastError, b.FailedAt = l.lastErr.Error(), &at
	}
	for outcome, n := range l.outcomes {
		b.Outcomes[outcome] = n
	}
	return b
}
