package policy

import (
	"context"
	"errors"
	"fmt"
	"io"

	"dovetail/internal/mailstore"
)

// archiveAtOnce is how many messages are archived before they are removed.
const archiveAtOnce = 256

// archive archives messages, and removes those that the archive has to stay. One that
// cannot be read stays, and is told of. After an error of the archive nothing more goes.
func (e *execution) archive(ctx context.Context) (err error) {
	if e.user.Archive == nil {
		return errors.New("there are no archives")
	}
	archive, err := e.user.Archive(e.choice.Rule.Archive)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, archive.Close()) }()
	for chosen := e.choice.Chosen; len(chosen) > 0; {
		n := min(len(chosen), archiveAtOnce)
		kept, err := e.add(ctx, archive, chosen[:n])
		if err != nil {
			return err
		}
		if err := e.remove(ctx, kept); err != nil {
			return err
		}
		chosen = chosen[n:]
	}
	return nil
}

// add gives the messages that are in the archive now, to stay.
func (e *execution) add(ctx context.Context, archive Archive, chosen []Chosen) ([]Chosen, error) {
	var kept []Chosen
	for _, m := range chosen {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := archive.Add(ctx, &m.Match, func() (io.ReadCloser, error) {
			content, file, err := e.user.Store.Open(ctx, m.Entry())
			if err != nil {
				return nil, err
			}
			return struct {
				io.Reader
				io.Closer
			}{content.Open(), file}, nil
		})
		switch {
		case err == nil:
			kept = append(kept, m)
			continue
		case errors.Is(err, mailstore.ErrNoMessage):
			e.report.Changed++
			continue
		case ctx.Err() != nil:
			return nil, ctx.Err()
		}
		if broken := archive.Flush(ctx); broken != nil {
			return nil, broken
		}
		e.folder.fail(fmt.Errorf("rule %q: %w", e.choice.Rule.Name, err))
	}
	return kept, archive.Flush(ctx)
}
