package setup

import (
	"context"
	"log/slog"
	"time"

	"dovetail/learn"
	"dovetail/learn/teach"
)

// TeachLog writes a Teacher's events into the log: a line for each lesson and back end.
type TeachLog struct{ *slog.Logger }

// Event is teach.Log's. It also tells of what never became a lesson (teach.LeftOut).
func (l TeachLog) Event(e teach.Event) {
	level := slog.LevelInfo
	if e.Outcome == teach.Lost || e.Outcome == teach.Denied {
		level = slog.LevelWarn
	}
	l.At(level, e)
}

// At tells of an event at a level.
func (l TeachLog) At(level slog.Level, e teach.Event) {
	l.LogAttrs(context.Background(), level, "lesson", attrs(e)...)
}

func attrs(e teach.Event) []slog.Attr {
	all := []slog.Attr{slog.String("user", e.Lesson.User), slog.String("class", string(e.Lesson.Class))}
	for _, a := range []slog.Attr{
		slog.String("cause", e.Lesson.Cause), slog.String("from", e.Lesson.From), slog.String("to", e.Lesson.To),
		slog.String("origin", string(e.Lesson.Origin)), slog.String("backend", e.Backend),
		slog.String("outcome", string(e.Outcome)), slog.String("reason", e.Reason),
	} {
		if a.Value.String() != "" {
			all = append(all, a)
		}
	}
	all = append(all, slog.Int64("ms", e.Took.Milliseconds()))
	if e.Hash != (learn.Hash{}) {
		all = append(all, slog.String("hash", e.Hash.String()))
	}
	if e.ID == "" {
		return all
	}
	return append(all, slog.String("message_id", e.MessageID), slog.String("lesson", e.ID))
}

// Down is teach.Log's.
func (l TeachLog) Down(backend string, err error) {
	l.Warn("the back end is down; its lessons wait", "backend", backend, "error", err)
}

// Up is teach.Log's.
func (l TeachLog) Up(backend string, after time.Duration) {
	l.Info("the back end works again", "backend", backend, "after", after.Round(time.Millisecond).String())
}

// Problem is teach.Log's.
func (l TeachLog) Problem(err error) { l.Warn("learning", "error", err) }
