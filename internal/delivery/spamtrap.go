package delivery

import (
	"context"
	"fmt"
	"strings"

	"dovetail/internal/mailerr"
	"dovetail/internal/message"
)

// Spamtrap takes mail to addresses that no honest sender knows, as lessons of spam.
// Where the user database has a user of that name, the mail is delivered as well, so
// that naming a user's address by mistake loses nothing.
type Spamtrap struct {
	Addresses []string // as in RCPT TO; case does not count
	// Agreeable tells that the user database says yes to any name, so that its yes is
	// no reason to deliver (userdb.Agreeable).
	Agreeable bool
	// Put takes the lesson. When it returns nil, the lesson is on disk to stay.
	Put func(ctx context.Context, m *message.Message) error
}

func (s *Spamtrap) catches(address string) bool {
	if s == nil {
		return false
	}
	for _, a := range s.Addresses {
		if strings.EqualFold(a, address) {
			return true
		}
	}
	return false
}

// acceptTrapped decides about the address of a spamtrap. A Recipient without a
// User is a trap alone.
func (d *Deliverer) acceptTrapped(ctx context.Context, address, origTo string, size int64) (*Recipient, error) {
	trap := &Recipient{Address: address, OrigTo: origTo, Trap: true}
	if d.Spamtrap.Agreeable {
		return trap, nil
	}
	r, err := d.acceptUser(ctx, address, origTo, size)
	switch {
	case err == nil:
		r.Trap = true
		return r, nil
	case mailerr.IsPermanent(err):
		return trap, nil
	}
	return nil, err
}

// trap hands a transaction's message over as a lesson if one of its recipients is a
// spamtrap. The error is that of all such recipients.
func (d *Deliverer) trap(ctx context.Context, tx *Transaction) error {
	var traps []string
	for _, r := range tx.Recipients {
		if r.Trap {
			traps = append(traps, r.Address)
		}
	}
	if len(traps) == 0 {
		return nil
	}
	if err := d.Spamtrap.Put(ctx, tx.Message); err != nil {
		err = mailerr.Temp(fmt.Errorf("spamtrap: %w", err), "Temporary internal error")
		d.Log.Error("a spamtrap's mail is not in the learn queue", "id", tx.ID, "from", tx.From, "rcpt", traps, "error", err)
		return err
	}
	d.Log.Info("spamtrap: in the learn queue", "id", tx.ID, "from", tx.From, "rcpt", traps)
	return nil
}
