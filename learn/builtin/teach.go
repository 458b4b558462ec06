package builtin

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"dovetail/learn"
)

// The classes in the file.
const (
	classHam  = 0
	classSpam = 1
)

// Learn is learn.Backend's: one transaction for all items. Item.Prior does not
// matter, since the file knows what was learned.
func (c *Classifier) Learn(ctx context.Context, user string, items []learn.Item) []learn.Result {
	results := make([]learn.Result, len(items))
	lists := make([]*found, len(items))
	for i, item := range items { // before the transaction, so that nobody waits for it
		var err error
		if item.Message.Size() == 0 {
			results[i] = learn.Result{Outcome: learn.Refused, Reason: "the message is empty"}
		} else if lists[i], err = tokensOf(item.Message); err != nil {
			results[i].Err = fmt.Errorf("builtin classifier: %w", err)
		}
	}
	err := c.store.ready(ctx)
	if err == nil {
		err = c.store.transact(ctx, func(tx *sql.Tx) error {
			t, err := begin(ctx, tx, user)
			if err != nil {
				return err
			}
			for i, item := range items {
				if results[i] != (learn.Result{}) {
					continue
				}
				if results[i].Outcome, err = t.learn(item, lists[i].tokens, c.o.Now().Unix()); err != nil {
					return err
				}
			}
			return t.finish()
		})
	}
	if err != nil {
		for i := range results {
			results[i] = learn.Result{Err: fmt.Errorf("builtin classifier: learning: %w", err)}
		}
	}
	return results
}

// teaching is a transaction that changes what is known for one user.
type teaching struct {
	ctx    context.Context
	tx     *sql.Tx
	user   int64
	all    counts           // change of the user's number of lessons
	tokens map[token]counts // change of the user's counts
}

// begin begins the teaching for a user, who is made known.
func begin(ctx context.Context, tx *sql.Tx, user string) (*teaching, error) {
	t := &teaching{ctx: ctx, tx: tx, tokens: map[token]counts{}}
	if _, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO users (name, spam, ham, changes) VALUES (?, 0, 0, 0)`, user); err != nil {
		return nil, err
	}
	return t, tx.QueryRowContext(ctx, `SELECT id FROM users WHERE name = ?`, user).Scan(&t.user)
}

// learn takes one lesson.
func (t *teaching) learn(item learn.Item, tokens []token, now int64) (learn.Outcome, error) {
	class := classHam
	if item.Class == learn.Spam {
		class = classSpam
	}
	var id int64
	var before int
	var old []byte
	err := t.tx.QueryRowContext(t.ctx, `SELECT id, class, tokens FROM lessons WHERE user = ? AND hash = ?`, t.user, item.Hash[:]).Scan(&id, &before, &old)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		t.count(class, tokens, 1)
		_, err = t.tx.ExecContext(t.ctx, `INSERT INTO lessons (user, hash, class, at, tokens) VALUES (?, ?, ?, ?, ?)`,
			t.user, item.Hash[:], class, now, pack(tokens))
		return learn.Learned, err
	case err != nil:
		return "", err
	case before == class:
		return learn.Already, nil
	}
	t.count(before, unpack(old), -1)
	t.count(class, tokens, 1)
	_, err = t.tx.ExecContext(t.ctx, `UPDATE lessons SET class = ?, at = ?, tokens = ? WHERE id = ?`, class, now, pack(tokens), id)
	return learn.Relearned, err
}

// count adds a message to the counts, or with -1 takes it back.
func (t *teaching) count(class int, tokens []token, n int64) {
	c := counts{ham: n}
	if class == classSpam {
		c = counts{spam: n}
	}
	t.all = t.all.plus(c)
	for _, tok := range tokens {
		t.tokens[tok] = t.tokens[tok].plus(c)
	}
}

// finish writes the counts, the user's and the site's. They are sorted, as the
// rows are, which saves reading and writing of pages.
func (t *teaching) finish() error {
	// Who cancels ctx ends the transaction; watching it in each of many
	// statements takes more time than they do.
	ctx := context.WithoutCancel(t.ctx)
	add, err := t.tx.PrepareContext(ctx, `INSERT INTO tokens (key, spam, ham) VALUES (?1, ?2, ?3)
		ON CONFLICT (key) DO UPDATE SET spam = spam + ?2, ham = ham + ?3`)
	if err != nil {
		return err
	}
	defer add.Close()
	drop, err := t.tx.PrepareContext(ctx, `DELETE FROM tokens WHERE key = ? AND spam <= 0 AND ham <= 0`)
	if err != nil {
		return err
	}
	defer drop.Close()
	changed := slices.Sorted(maps.Keys(t.tokens))
	for _, user := range slices.Compact([]int64{siteID, t.user}) {
		if _, err := t.tx.ExecContext(ctx, `UPDATE users SET spam = spam + ?, ham = ham + ?, changes = changes + 1 WHERE id = ?`, t.all.spam, t.all.ham, user); err != nil {
			return err
		}
		for _, tok := range changed {
			n := t.tokens[tok]
			if n == (counts{}) {
				continue
			}
			if _, err := add.ExecContext(ctx, keyOf(user, tok), n.spam, n.ham); err != nil {
				return err
			}
			if n.spam < 0 || n.ham < 0 {
				if _, err := drop.ExecContext(ctx, keyOf(user, tok)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// pack writes tokens for the file.
func pack(tokens []token) []byte {
	b := make([]byte, 0, 8*len(tokens))
	for _, t := range tokens {
		b = binary.BigEndian.AppendUint64(b, uint64(t))
	}
	return b
}

// unpack reads what pack has written.
func unpack(b []byte) []token {
	tokens := make([]token, 0, len(b)/8)
	for ; len(b) >= 8; b = b[8:] {
		tokens = append(tokens, token(binary.BigEndian.Uint64(b)))
	}
	return tokens
}
