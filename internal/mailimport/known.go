package mailimport

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"dovetail/internal/mailstore"
	"dovetail/internal/message"
)

// known are the messages that the mailbox has, each to be found once.
type known struct {
	o      Options
	bySize map[int64][]mailstore.Entry // not read yet
	sums   map[sum]int                 // of those read
}

type sum [sha256.Size]byte

// look lists the mailbox. One that is not there has no messages.
func look(ctx context.Context, o Options) (*known, error) {
	k := &known{o: o, bySize: map[int64][]mailstore.Entry{}, sums: map[sum]int{}}
	err := o.Do(func() error {
		there, err := o.Store.Exists(ctx, o.Mailbox)
		if err != nil || !there {
			return err
		}
		for e, err := range o.Store.Entries(ctx, o.Mailbox) {
			if err != nil {
				return err
			}
			k.bySize[e.Size] = append(k.bySize[e.Size], e)
		}
		return nil
	})
	return k, err
}

// take tells whether the mailbox has a message, which then has it once less.
func (k *known) take(ctx context.Context, m *message.Message) (bool, error) {
	if err := k.read(ctx, m.Size()); err != nil || len(k.sums) == 0 {
		return false, err
	}
	s, err := sumOf(m)
	if err != nil || k.sums[s] == 0 {
		return false, err
	}
	k.sums[s]--
	return true, nil
}

// read reads those of a size.
func (k *known) read(ctx context.Context, size int64) error {
	entries := k.bySize[size]
	delete(k.bySize, size)
	for _, e := range entries {
		err := k.o.Do(func() error {
			m, closer, err := k.o.Store.Open(ctx, e)
			if errors.Is(err, mailstore.ErrNoMessage) {
				return nil // expunged meanwhile
			}
			if err != nil {
				return err
			}
			s, err := sumOf(m)
			if err == nil {
				k.sums[s]++
			}
			return errors.Join(err, closer.Close())
		})
		if err != nil {
			return fmt.Errorf("comparing with %s: %w", e.Path, err)
		}
	}
	return nil
}

func sumOf(m *message.Message) (s sum, err error) {
	h := sha256.New()
	if _, err := io.Copy(h, m.Open()); err != nil {
		return s, err
	}
	h.Sum(s[:0])
	return s, nil
}
