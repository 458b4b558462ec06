// Package load drives an LMTP server with many messages over persistent
// connections, checks every reply, and measures how long each transaction took.
//
// The messages are made so that they can be found again and known to be whole:
// see Message and Whole.
package load

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"dovetail/internal/peer"
)

// Options says what to send. The zero value of a number means 1, and of Size
// 4096.
type Options struct {
	Addr     string // unix:PATH or tcp:HOST:PORT
	Conns    int    // connections at once
	Messages int    // transactions, over all connections
	Size     int    // bytes of a message, about
	Users    int    // recipients are user1 … userUsers at peer.LocalDomain, in turn
	Rcpts    int    // recipients of each message
	Header   string // further header fields, each ended by CRLF

	// Apart lets the other connections go on when one fails.
	Apart bool

	// Acked is called for every positive reply after DATA, by several
	// goroutines at once. It may be nil.
	Acked func(id, rcpt string)
}

// Stats is what a run took.
type Stats struct {
	Deliveries         int           // positive replies after DATA
	Took               time.Duration // from the first MAIL to the last reply
	P50, P95, P99, Max time.Duration // of transactions
}

// PerSecond returns the deliveries per second.
func (s Stats) PerSecond() float64 { return float64(s.Deliveries) / s.Took.Seconds() }

func (o *Options) setDefaults() {
	for _, field := range []*int{&o.Conns, &o.Messages, &o.Users, &o.Rcpts} {
		*field = max(*field, 1)
	}
	if o.Size == 0 {
		o.Size = 4096
	}
}

var runs atomic.Int64

// Run sends the messages. Any reply that is not positive ends it with an error;
// the statistics then tell what was done so far.
func Run(ctx context.Context, o Options) (Stats, error) {
	o.setDefaults()
	prefix := fmt.Sprintf("%d.%d.%d", time.Now().UnixNano(), os.Getpid(), runs.Add(1))
	clients := make([]*client, o.Conns)
	for i := range clients {
		c, err := dial(ctx, o.Addr)
		if err != nil {
			return Stats{}, fmt.Errorf("connection %d: %w", i+1, err)
		}
		defer c.close()
		clients[i] = c
	}
	// The same for all: making it anew for each would take the servers' CPU.
	body := filler(o.Size - len(message(prefix+".0000000", o.Header, nil)))
	var next atomic.Int64
	group := new(errgroup.Group)
	if !o.Apart {
		group, ctx = errgroup.WithContext(ctx)
	}
	stop := context.AfterFunc(ctx, func() {
		for _, c := range clients {
			c.interrupt()
		}
	})
	defer stop()
	start := time.Now()
	for _, c := range clients {
		group.Go(func() error {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= o.Messages {
					return nil
				}
				id := fmt.Sprintf("%s.%07d", prefix, i)
				if err := c.transaction(o, id, message(id, o.Header, body), recipients(o, i)); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	err := group.Wait()
	return collect(clients, time.Since(start)), err
}

// recipients returns those of message i.
func recipients(o Options, i int) []string {
	rcpts := make([]string, o.Rcpts)
	for k := range rcpts {
		rcpts[k] = fmt.Sprintf("user%d@%s", (i*o.Rcpts+k)%o.Users+1, peer.LocalDomain)
	}
	return rcpts
}

func collect(clients []*client, took time.Duration) Stats {
	var all []time.Duration
	stats := Stats{Took: took}
	for _, c := range clients {
		all = append(all, c.latencies...)
		stats.Deliveries += c.deliveries
	}
	if len(all) == 0 {
		return stats
	}
	slices.Sort(all)
	quantile := func(percent int) time.Duration { return all[(len(all)-1)*percent/100] }
	stats.P50, stats.P95, stats.P99, stats.Max = quantile(50), quantile(95), quantile(99), quantile(100)
	return stats
}
