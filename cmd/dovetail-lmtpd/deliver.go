package main

import (
	"context"

	"dovetail/internal/delivery"
	"dovetail/lmtp"
)

// deliverer hands transactions of the protocol over to delivery.
type deliverer struct{ *delivery.Deliverer }

func (d deliverer) Accept(ctx context.Context, tx *lmtp.Transaction, rcpt lmtp.Recipient) (any, error) {
	r, err := d.Deliverer.Accept(ctx, rcpt.Address, rcpt.OrigTo, tx.Size)
	if err != nil {
		return nil, err
	}
	r.ID, r.Notify, r.ORcpt = rcpt.ID, rcpt.Notify, rcpt.ORcpt
	return r, nil
}

func (d deliverer) Deliver(ctx context.Context, tx *lmtp.Transaction) []error {
	t := &delivery.Transaction{
		ID: tx.ID, Helo: tx.Client.Helo, Protocol: tx.Protocol, From: tx.From, Auth: tx.Auth,
		Ret: tx.Ret, EnvID: tx.EnvID, By: tx.By,
		Message: tx.Message, Trace: true,
	}
	for _, rcpt := range tx.Recipients {
		t.Recipients = append(t.Recipients, rcpt.Accepted.(*delivery.Recipient))
	}
	return d.Deliverer.Deliver(ctx, t)
}
