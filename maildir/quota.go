package maildir

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"dovetail/internal/mailstore"
)

// Quota is a limit on a user's mail, in the rules of Dovecot's quota_rule:
//
//	*:storage=1G:messages=1000   the limit for all mailboxes together
//	Trash:storage=+10%           mail into Trash may go 10 % beyond it
//	Junk:ignore                  mail in Junk does not count and is not limited
//
// storage is in KiB and bytes in bytes unless a unit (B, K, M, G, T, %) follows.
// The mailbox may have wildcards * and ?; the first rule that matches is used.
// "Trash:+10%" stands for storage. With "?" instead of "*" the limit of an existing
// maildirsize file goes before the one of the rule. A limit of 0 is none.
type Quota struct {
	// Tempfail makes a full mailbox a temporary error (Dovecot's quota_full_tempfail).
	Tempfail bool

	limit amount
	force bool  // the limit is ours, not that of the file
	grace int64 // bytes by which the last message may exceed the limit
	rules []quotaRule
}

// amount is an amount of mail.
type amount struct{ bytes, count int64 }

type quotaRule struct {
	mask    string
	ignore  bool
	extra   amount // beyond the limit
	percent amount // of the limit, added to it
}

// DefaultGrace is Dovecot's quota_grace.
const DefaultGrace = "10%"

// ParseQuota reads rules, and the grace for the last message ("10%", "1M"; empty:
// DefaultGrace). Without rules there is no quota: nil.
func ParseQuota(rules []string, grace string) (*Quota, error) {
	if len(rules) == 0 {
		return nil, nil
	}
	q := &Quota{}
	for _, text := range rules {
		if err := q.add(text); err != nil {
			return nil, fmt.Errorf("quota rule %q: %w", text, err)
		}
	}
	if grace == "" {
		grace = DefaultGrace
	}
	n, percent, err := parseLimit(grace, 1)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("quota grace %q: not a size", grace)
	}
	if percent {
		n = share(q.limit.bytes, n)
	}
	q.grace = n
	return q, nil
}

func (q *Quota) add(text string) error {
	mask, limits, ok := strings.Cut(text, ":")
	if !ok || mask == "" {
		return fmt.Errorf("not of the form MAILBOX:LIMITS")
	}
	rule := quotaRule{mask: mask, ignore: limits == "ignore"}
	isDefault := mask == "*" || mask == "?"
	if !rule.ignore {
		for limit := range strings.SplitSeq(limits, ":") {
			if err := rule.add(limit, isDefault); err != nil {
				return err
			}
		}
	}
	switch {
	case !isDefault:
		q.rules = append(q.rules, rule)
	case rule.ignore:
		return fmt.Errorf("the limit for all mailboxes cannot be ignored")
	default:
		q.limit, q.force = rule.extra, mask == "*"
	}
	return nil
}

func (r *quotaRule) add(limit string, isDefault bool) error {
	key, value, ok := strings.Cut(limit, "=")
	if !ok {
		key, value = "storage", limit
		if isDefault || !strings.HasPrefix(value, "+") && !strings.HasPrefix(value, "-") {
			return fmt.Errorf("%q is not KEY=VALUE", limit)
		}
	}
	unit := int64(1)
	to, percentTo := &r.extra.bytes, &r.percent.bytes
	switch key {
	case "storage":
		unit = 1024
	case "bytes":
	case "messages":
		to, percentTo = &r.extra.count, &r.percent.count
	default:
		return fmt.Errorf("unknown limit %q", key)
	}
	n, percent, err := parseLimit(value, unit)
	switch {
	case err != nil:
		return err
	case isDefault && (percent || n < 0 || value[0] == '+'):
		return fmt.Errorf("the limit %q for all mailboxes must be a plain number", value)
	case percent:
		*percentTo = n
	default:
		*to = n
	}
	return nil
}

// parseLimit reads a number with a sign and a unit.
func parseLimit(text string, unit int64) (n int64, percent bool, err error) {
	end := strings.IndexFunc(text[min(1, len(text)):], func(r rune) bool { return r < '0' || r > '9' }) + 1
	if end == 0 {
		end = len(text)
	}
	number, suffix := text[:end], strings.ToUpper(text[end:])
	switch suffix {
	case "":
	case "%":
		unit, percent = 1, true
	case "B", "K", "M", "G", "T":
		unit = 1 << (10 * strings.Index("BKMGT", suffix))
	default:
		return 0, false, fmt.Errorf("unknown unit in %q", text)
	}
	n, err = strconv.ParseInt(number, 10, 64)
	if err != nil || n > math.MaxInt64/unit || n < math.MinInt64/unit {
		return 0, false, fmt.Errorf("%q is not a number in range", text)
	}
	return n * unit, percent, nil
}

// share gives percent of n.
func share(n, percent int64) int64 {
	f := float64(n) / 100 * float64(percent)
	if f >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(max(f, math.MinInt64))
}

// plus adds, up to the largest number: a limit that is meant to be none must not
// become a negative one.
func plus(a, b int64) int64 {
	if b > 0 && a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// rule gives the rule for a mailbox; the zero rule when none is for it.
func (q *Quota) rule(mailbox string) quotaRule {
	for _, r := range q.rules {
		if wildcard(r.mask, mailbox) {
			return r
		}
	}
	return quotaRule{}
}

func wildcard(mask, name string) bool {
	if mask == name || strings.EqualFold(mask, mailstore.Inbox) && name == mailstore.Inbox {
		return true
	}
	if !strings.ContainsAny(mask, "*?") {
		return false
	}
	pattern := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(mask))
	ok, err := regexp.MatchString(`^(?s:`+pattern+`)$`, name)
	return ok && err == nil
}

// exceeded tells whether used and one message of size more is too much for a
// mailbox of the rule; with size 0, whether used already is.
func (q *Quota) exceeded(limit, used amount, rule quotaRule, size int64) bool {
	if limit.bytes > 0 {
		most := plus(plus(plus(limit.bytes, rule.extra.bytes), share(limit.bytes, rule.percent.bytes)), q.grace)
		if used.bytes > most || size > most-used.bytes {
			return true
		}
	}
	if limit.count > 0 {
		most := plus(plus(limit.count, rule.extra.count), share(limit.count, rule.percent.count))
		return used.count >= most
	}
	return false
}
