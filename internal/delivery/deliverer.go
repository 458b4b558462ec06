// Package delivery carries one message to its recipients: it finds out who they
// are, runs the site's and the user's scripts, and does what these ask for.
//
// A Deliverer works on whole transactions, so that the messages of many
// recipients are flushed to disk together, and that recipients of one uid whose
// final bytes are the same share one file. What Deliver answers with nil is on
// disk to stay, was passed on, or was discarded as a script asked.
//
// All of a recipient's files, script included, are touched with that user's
// rights alone (fsx.Credentials): no path that a user controls is followed by root.
package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
	"dovetail/internal/message"
	"dovetail/internal/userdb"
)

// Resolver finds the user that an address belongs to. A definite "no such user"
// is mailerr.NoUser; anything else is temporary.
type Resolver interface {
	Resolve(ctx context.Context, address string) (*userdb.Recipient, error)
}

// Deliverer delivers. Its fields are set before its first use and not changed after.
type Deliverer struct {
	Users    Resolver
	Stores   func(r *Recipient) (mailstore.Store, error)
	Scripts  *Scripts // nil: no Sieve
	Executor *Executor
	Programs Programs
	Scorer   Scorer // nil: no message is scored
	// Attributes tells where Dovecot keeps the annotations of a user, "" for nowhere
	// (mail_attribute_dict); nil: there are none.
	Attributes func(*userdb.User) string
	Spamtrap   *Spamtrap // nil: none
	Log        *slog.Logger
	Settings   Settings

	mu   sync.Mutex
	busy map[string]int // deliveries under way, by user
}

// Settings are a Deliverer's switches, under the names of Dovecot's.
type Settings struct {
	Hostname             string
	RecipientDelimiter   string // recipient_delimiter
	SaveToDetailMailbox  bool   // lmtp_save_to_detail_mailbox
	RcptCheckQuota       bool   // lmtp_rcpt_check_quota
	AddReceivedHeader    bool   // lmtp_add_received_header
	DeliveryAddress      string // lmtp_hdr_delivery_address: final, original or none
	UserConcurrencyLimit int    // lmtp_user_concurrency_limit; 0: none
	UserEmail            string // sieve_user_email
	EnvironmentItems     map[string]string
	SpecialUse           map[string][]string // special uses (RFC 6154) by mailbox
}

// Recipient is a recipient that was accepted.
type Recipient struct {
	ID      string       // for replies and logs
	Address string       // as in RCPT TO
	OrigTo  string       // original recipient, "" when unknown
	Notify  string       // RCPT NOTIFY=
	ORcpt   string       // RCPT ORCPT= with its type; "" when not given
	Detail  string       // what follows the recipient delimiter
	Mailbox string       // where keep stores; "" for INBOX or what Detail asks for
	Trap    bool         // the address of a spamtrap
	User    *userdb.User // nil for a spamtrap that is nothing else
	// Location is where the user's mail is, in the manner of mail_location.
	Location string
}

// Transaction is one message with its envelope.
type Transaction struct {
	ID         string
	Helo       string             // name the client gave, "" when unknown
	Protocol   string             // for the Received field, e.g. LMTP
	From       string             // "" is the null sender
	Auth       string             // MAIL AUTH=
	Ret, EnvID string             // MAIL RET= and ENVID=
	By         *message.DeliverBy // MAIL BY=; nil when not given
	Recipients []*Recipient
	Message    *message.Message
	Trace      bool // add Return-Path, Delivered-To and Received
}

// Accept decides about a recipient. size is what the client says the message
// will have in bytes, 0 when it does not.
func (d *Deliverer) Accept(ctx context.Context, address, origTo string, size int64) (*Recipient, error) {
	if d.Spamtrap.catches(address) {
		return d.acceptTrapped(ctx, address, origTo, size)
	}
	return d.acceptUser(ctx, address, origTo, size)
}

func (d *Deliverer) acceptUser(ctx context.Context, address, origTo string, size int64) (*Recipient, error) {
	found, err := d.Users.Resolve(ctx, address)
	if err != nil {
		return nil, err
	}
	r := &Recipient{Address: address, OrigTo: origTo, Detail: found.Detail, User: found.User, Location: found.Location}
	if d.Settings.SaveToDetailMailbox {
		r.Mailbox = found.Detail
	}
	if !d.Settings.RcptCheckQuota {
		return r, nil
	}
	store, err := d.Stores(r)
	if err != nil {
		return nil, err
	}
	err = ownerOf(r.User).do(func() error { return store.CheckQuota(ctx, mailstore.Inbox, size) })
	if err != nil {
		return nil, fmt.Errorf("quota of %s: %w", r.User.Name, err)
	}
	return r, nil
}

// Deliver delivers to all recipients and gives one error for each, in their
// order. A recipient that is named twice gets one copy.
func (d *Deliverer) Deliver(ctx context.Context, tx *Transaction) []error {
	start := d.Executor.Now()
	m := d.traced(tx)
	site, err := d.siteChain()
	trapErr := d.trap(ctx, tx)
	byAddress := map[string]*copyFor{}
	var copies []*copyFor
	defer func() { // after a panic, too
		for _, c := range copies {
			if c.claimed {
				d.release(c.rcpt.User.Name)
			}
		}
	}()
	for _, r := range tx.Recipients {
		if byAddress[r.Address] != nil || r.User == nil {
			continue
		}
		c := &copyFor{tx: tx, rcpt: r}
		byAddress[r.Address] = c
		copies = append(copies, c)
		c.job.Outcome.Err = err
		if err == nil && r.Trap {
			c.job.Outcome.Err = trapErr // nothing is done twice when the client tries again
		}
		if c.job.Outcome.Err == nil {
			d.open(c, m)
		}
	}
	d.loadScripts(copies, site)
	inParallel(copies, func(c *copyFor) {
		if c.job.Outcome.Err == nil {
			d.decide(ctx, c)
		}
	})
	var jobs []*Job
	for _, c := range copies {
		if c.job.Outcome.Err == nil {
			jobs = append(jobs, &c.job)
		}
	}
	d.Executor.Execute(ctx, jobs)
	for _, c := range copies {
		d.logOutcome(c, m, d.Executor.Now().Sub(start))
	}
	errs := make([]error, len(tx.Recipients))
	for i, r := range tx.Recipients {
		if c := byAddress[r.Address]; c != nil {
			errs[i] = c.job.Outcome.Err
		} else {
			errs[i] = trapErr
		}
	}
	return errs
}

func (d *Deliverer) siteChain() (*Chain, error) {
	if d.Scripts == nil {
		return &Chain{}, nil
	}
	return d.Scripts.Site()
}

// copyFor is one recipient's copy of the message on its way.
type copyFor struct {
	tx      *Transaction
	rcpt    *Recipient
	job     Job
	own     userScript
	chain   *Chain
	decided string // script and line that decided where the message went
	claimed bool   // counts against lmtp_user_concurrency_limit
}

// open opens the recipient's store and makes the job.
func (d *Deliverer) open(c *copyFor, m *message.Message) {
	if !d.claim(c.rcpt.User.Name) {
		c.job.Outcome.Err = mailerr.Temp(errors.New("lmtp_user_concurrency_limit reached"), "Too many concurrent deliveries for user")
		return
	}
	c.claimed = true
	store, err := d.Stores(c.rcpt)
	if err != nil {
		c.job.Outcome.Err = err
		return
	}
	c.job = d.job(c.tx, c.rcpt, store, m)
}

// loadScripts gives each copy its chain of scripts.
func (d *Deliverer) loadScripts(copies []*copyFor, site *Chain) {
	if d.Scripts == nil {
		for _, c := range copies {
			c.chain = site
		}
		return
	}
	live := slices.DeleteFunc(slices.Clone(copies), func(c *copyFor) bool { return c.job.Outcome.Err != nil })
	load := func(c *copyFor) error {
		c.own = d.Scripts.load(c.rcpt.User)
		return nil
	}
	eachAs(live, func(c *copyFor) Owner { return c.job.Owner }, func() func(*copyFor) error { return load }, func(c *copyFor, err error) {
		if err == nil {
			c.chain, err = d.Scripts.withUser(site, c.own)
		}
		c.job.Outcome.Err = err
	})
}

// claim counts a delivery for user against lmtp_user_concurrency_limit.
func (d *Deliverer) claim(user string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy == nil {
		d.busy = map[string]int{}
	}
	if limit := d.Settings.UserConcurrencyLimit; limit > 0 && d.busy[user] >= limit {
		return false
	}
	d.busy[user]++
	return true
}

func (d *Deliverer) release(user string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy[user]--; d.busy[user] == 0 {
		delete(d.busy, user)
	}
}

// traced puts the fields of this hop on top of the message, as Dovecot does:
// Delivered-To only where there is one recipient, so that the others stay unknown.
func (d *Deliverer) traced(tx *Transaction) *message.Message {
	if !tx.Trace {
		return tx.Message
	}
	fields := []message.Field{message.RawField("Return-Path", "<"+tx.From+">")}
	single := len(tx.Recipients) == 1
	if single {
		switch r := tx.Recipients[0]; d.Settings.DeliveryAddress {
		case "none":
		case "original":
			fields = append(fields, message.RawField("Delivered-To", orElse(r.OrigTo, r.Address)))
		default:
			fields = append(fields, message.RawField("Delivered-To", r.Address))
		}
	}
	if d.Settings.AddReceivedHeader {
		var b strings.Builder
		fmt.Fprintf(&b, "from %s\n\tby %s with %s\n\tid %s\n\t(envelope-from <%s>)", tx.Helo, d.Settings.Hostname, tx.Protocol, tx.ID, tx.From)
		if single {
			fmt.Fprintf(&b, "\n\tfor <%s>", tx.Recipients[0].Address)
		}
		fmt.Fprintf(&b, "; %s", d.Executor.Now().Format("Mon, 02 Jan 2006 15:04:05 -0700"))
		fields = append(fields, message.RawField("Received", b.String()))
	}
	return tx.Message.Prepend(fields...)
}
