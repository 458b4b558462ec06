package builtin

import (
	"testing"

	"dovetail/learn/learntest"
)

// It is a back end as the others are.
func TestBackend(t *testing.T) {
	c := open(t, Options{MinLessons: 5})
	learntest.Run(t, learntest.Subject{
		Backend: c,
		Counts: func(user string) (spam, ham int) {
			all, err := c.Stats(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range all {
				if s.User == user {
					return int(s.Spam), int(s.Ham)
				}
			}
			return 0, 0
		},
		Verdict: func(user string, message []byte) string { return string(class(t, c, user, message).Class) },
		Doubles: true,
	})
	dump(t, c)
}
