package delivery

import (
	"context"
	"fmt"

	"dovetail/internal/message"
	"dovetail/internal/userdb"
)

// Scorer writes the verdict of a spam filter into a message, and gives it in one
// word (spam, ham, unsure). An error says why there is none; the message it gives is
// the one to deliver all the same.
type Scorer interface {
	Score(ctx context.Context, user string, m *message.Message) (scored *message.Message, verdict string, err error)
}

// score has the copy scored, so that scripts and their programs see the verdict.
// Mail is delivered whatever becomes of that.
func (d *Deliverer) score(ctx context.Context, u *userdb.User, j *Job) {
	if d.Scorer == nil {
		return
	}
	var err error
	if j.Original, j.verdict, err = d.Scorer.Score(ctx, j.User, j.Original); err != nil {
		j.warn(fmt.Errorf("the message is not scored: %w", err))
	}
	j.Pipe = d.Programs.pipe(u, j.Envelope, j.verdict)
}
