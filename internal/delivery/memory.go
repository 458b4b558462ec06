package delivery

import (
	"context"
	"fmt"
	"time"

	"dovetail/sieve/action"
)

// State remembers what was done, beyond this delivery and this process
// (internal/state). An error means that nothing is known.
type State interface {
	Seen(ctx context.Context, key action.Key) (bool, error)
	Claim(ctx context.Context, key action.Key, ttl time.Duration) (won bool, err error)
	Mark(ctx context.Context, key action.Key, ttl time.Duration) error
	Release(ctx context.Context, key action.Key) error
}

// stateTimeout bounds each question to the State: no delivery waits longer for a
// server that does not answer.
const stateTimeout = 5 * time.Second

// memory is a State that may be missing, and that answers in time.
type memory struct{ state State }

// Seen is what scripts ask.
func (m memory) Seen(ctx context.Context, key action.Key) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, stateTimeout)
	defer cancel()
	return m.state.Seen(ctx, key)
}

// claim tells whether what key stands for may be done now. Without a State, or
// for no time, it always may.
func (m memory) claim(ctx context.Context, key action.Key, period time.Duration) (bool, error) {
	if m.state == nil || period <= 0 {
		return true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, stateTimeout)
	defer cancel()
	return m.state.Claim(ctx, key, period)
}

// release takes a claim back, even when the delivery itself was given up.
func (m memory) release(ctx context.Context, key action.Key, period time.Duration) error {
	if m.state == nil || period <= 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stateTimeout)
	defer cancel()
	return m.state.Release(ctx, key)
}

// remember marks what scripts want remembered once all went well: a message that
// did not come where the script wanted it is not a duplicate when it comes again
// (RFC 7352 section 3).
func (x *Executor) remember(ctx context.Context, j *Job) {
	if x.State == nil || j.Outcome.Err != nil || len(j.Outcome.Failures) > 0 {
		return
	}
	for _, a := range j.Actions {
		r, ok := a.(*action.Remember)
		if !ok {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, stateTimeout)
		if err := x.State.Mark(ctx, r.Key, r.Period); err != nil {
			j.warn(fmt.Errorf("the message is not remembered as seen: %w", err))
		}
		cancel()
	}
}

// redirectKey says which redirect this is, so that a message that comes back is
// not redirected again: the same message for the same recipient to the same
// address. It may be sent again by people (Resent-*) or by lists. Without a
// Message-ID there is no telling.
func redirectKey(j *Job, a *action.Redirect) (action.Key, bool) {
	get := func(name string) string {
		v, _ := a.Message.Get(name)
		return v
	}
	id := get("Message-ID")
	return action.NewKey(j.User, "redirect", id, orElse(j.Envelope.OrigTo, j.Envelope.To), a.Address,
		orElse(get("Resent-Message-ID"), get("Resent-From")), get("List-Id")), id != ""
}
