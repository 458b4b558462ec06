package delivery

import (
	"context"
	"fmt"

	"dovetail/internal/message"
)

// Scorer writes the verdict of a spam filter into a message. An error says why there
// is none; the message it gives is the one to deliver all the same.
type Scorer interface {
	Score(ctx context.Context, user string, m *message.Message) (*message.Message, error)
}

// score has the copy scored, so that scripts see the verdict. Mail is delivered
// whatever becomes of that.
func (d *Deliverer) score(ctx context.Context, j *Job) {
	if d.Scorer == nil {
		return
	}
	var err error
	if j.Original, err = d.Scorer.Score(ctx, j.User, j.Original); err != nil {
		j.warn(fmt.Errorf("the message is not scored: %w", err))
	}
}
