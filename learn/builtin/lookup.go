package builtin

import (
	"context"
	"strconv"
)

// known is what is known for a user.
type known struct {
	vocabulary
	ownID                   int64 // siteID when the user has no lessons
	siteChanges, ownChanges int64
}

// known asks for the numbers of lessons of the site and of a user.
func (s *store) known(ctx context.Context, user string) (known, error) {
	var k known
	if err := ctx.Err(); err != nil {
		return k, err
	}
	// Watching ctx takes longer than the two rows, which no writer keeps us from.
	rows, err := s.users.QueryContext(context.WithoutCancel(ctx), user)
	if err != nil {
		return k, err
	}
	defer rows.Close()
	for rows.Next() {
		var id, changes int64
		var n counts
		if err := rows.Scan(&id, &n.spam, &n.ham, &changes); err != nil {
			return k, err
		}
		if id == siteID {
			k.site, k.siteChanges = n, changes
		} else {
			k.own, k.ownID, k.ownChanges = n, id, changes
		}
	}
	return k, rows.Err()
}

// keyBits of a token's hash are in the key of its row, below the user's id, so that
// a user's rows stand together and SQLite finds each by one integer. Of a million
// tokens less than one pair is taken for one on that account.
const keyBits = 40

// keyOf gives the key of a token's row.
func keyOf(user int64, t token) int64 { return user<<keyBits | int64(t>>(64-keyBits)) }

// keysOf gives the keys of a user: from first up to, but not including, end.
func keysOf(user int64) (first, end int64) { return user << keyBits, (user + 1) << keyBits }

// lookUp gives the counts of tokens for a user, in their order.
func (s *store) lookUp(ctx context.Context, user int64, tokens []token) ([]counts, error) {
	found := make([]counts, len(tokens))
	rows, err := s.db.QueryContext(ctx, `SELECT e.key, t.spam, t.ham FROM json_each(?) e CROSS JOIN tokens t ON t.key = e.value`, keys(user, tokens))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var i int
		var n counts
		if err := rows.Scan(&i, &n.spam, &n.ham); err != nil {
			return nil, err
		}
		found[i] = n
	}
	return found, rows.Err()
}

// keys writes the keys of tokens as a JSON array.
func keys(user int64, tokens []token) []byte {
	b := make([]byte, 0, 21*len(tokens)+2)
	b = append(b, '[')
	for i, t := range tokens {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, keyOf(user, t), 10)
	}
	return append(b, ']')
}

// vocabulary reads all tokens of a user, unless they are more than limit: then, and
// when there are none, it gives nil.
func (s *store) vocabulary(ctx context.Context, user int64, limit int) (all *table, changes int64, err error) {
	first, end := keysOf(user)
	// One statement sees one state of the file.
	rows, err := s.db.QueryContext(ctx, `SELECT (SELECT changes FROM users WHERE id = ?), key, spam, ham FROM tokens
		WHERE key >= ? AND key < ? LIMIT ?`, user, first, end, limit+1)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	all = &table{}
	for rows.Next() {
		var key int64
		var n counts
		if err := rows.Scan(&changes, &key, &n.spam, &n.ham); err != nil {
			return nil, 0, err
		}
		all.set(key, n)
	}
	if err := rows.Err(); err != nil || all.used == 0 || all.used > limit {
		return nil, 0, err
	}
	return all, changes, nil
}
