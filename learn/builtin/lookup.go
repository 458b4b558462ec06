package builtin

import (
	"context"
	"strconv"
)

// known is what is known for a user.
type known struct {
	vocabulary
	ownID int64 // siteID when the user has no lessons
}

// known asks for the numbers of lessons of the site and of a user.
func (s *store) known(ctx context.Context, user string) (known, error) {
	var k known
	rows, err := s.db.QueryContext(ctx, `SELECT id, spam, ham FROM users WHERE name IN ('', ?)`, user)
	if err != nil {
		return k, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var n counts
		if err := rows.Scan(&id, &n.spam, &n.ham); err != nil {
			return k, err
		}
		if id == siteID {
			k.site = n
		} else {
			k.own, k.ownID = n, id
		}
	}
	return k, rows.Err()
}

// keyOf gives the key of a token's row. Those of the site are the tokens; those
// of users are spread by their id, so that one integer is enough for a key: SQLite
// finds such a row in half the time.
func keyOf(user int64, t token) int64 {
	return int64(uint64(t) ^ uint64(user)*0x9e3779b97f4a7c15) // the golden ratio, as Knuth has it
}

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
