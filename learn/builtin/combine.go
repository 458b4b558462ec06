package builtin

import (
	"cmp"
	"math"
	"slices"
)

// The numbers of the method, between those of SpamBayes and of bogofilter.
const (
	unknown   = 0.5 // probability of a token that was never seen
	strength  = 0.1 // how many messages that assumption is worth
	deviation = 0.2 // tokens nearer to one half than this do not count
	maxClues  = 150 // the strongest tokens that count

	// siteWeight is what the site's vocabulary counts beside a user's own: never
	// more than as many messages of each class.
	siteWeight = 100
)

// counts are numbers of messages, or of messages that a token was in.
type counts struct{ spam, ham int64 }

// plus adds counts.
func (c counts) plus(o counts) counts { return counts{c.spam + o.spam, c.ham + o.ham} }

// vocabulary is what is known for one user: how many messages of the site and of
// the user's own were learned.
type vocabulary struct{ site, own counts }

// probability gives how likely a message with a token is spam. The site's counts,
// which the user's own are among, are shrunk to siteWeight messages of each class;
// then the user's own are added. Robinson's correction pulls it to one half as
// long as few messages had the token.
func (v vocabulary) probability(site, own counts) float64 {
	share := func(site, siteAll, own, ownAll int64) float64 {
		scale := 1.0
		if siteAll > siteWeight {
			scale = siteWeight / float64(siteAll)
		}
		all := float64(siteAll)*scale + float64(ownAll)
		if all <= 0 {
			return 0
		}
		return min((float64(site)*scale+float64(own))/all, 1)
	}
	spam := share(site.spam, v.site.spam, own.spam, v.own.spam)
	ham := share(site.ham, v.site.ham, own.ham, v.own.ham)
	n := float64(site.spam + site.ham)
	if n <= 0 || spam+ham <= 0 {
		return unknown
	}
	return (strength*unknown + n*spam/(spam+ham)) / (strength + n)
}

// Clue is a token that counted for a verdict.
type Clue struct {
	Token string  // for people: prefix and text
	Spam  float64 // how likely a message with it is spam, between 0 and 1
}

// strongest gives the clues that count, the strongest first.
func strongest(clues []Clue) []Clue {
	clues = slices.DeleteFunc(clues, func(c Clue) bool { return math.Abs(c.Spam-0.5) < deviation })
	slices.SortFunc(clues, func(a, b Clue) int {
		return cmp.Or(cmp.Compare(math.Abs(b.Spam-0.5), math.Abs(a.Spam-0.5)), cmp.Compare(a.Token, b.Token))
	})
	return clues[:min(len(clues), maxClues)]
}

// combine gives the score of a message by Fisher's method: how unlikely it is
// that so many clues speak for spam by chance, and the same for ham. What speaks
// for both, or for neither, is one half.
func combine(clues []Clue) float64 {
	var forSpam, forHam float64 // -2 times the sum of logarithms
	for _, c := range clues {
		forSpam -= 2 * math.Log(1-c.Spam)
		forHam -= 2 * math.Log(c.Spam)
	}
	n := len(clues)
	return (chiSquare(forHam, n) - chiSquare(forSpam, n) + 1) / 2
}

// chiSquare gives the probability that a chi-square variable with 2n degrees of
// freedom is at least x.
func chiSquare(x float64, n int) float64 {
	m := x / 2
	term := math.Exp(-m)
	sum := term
	for i := 1; i < n; i++ {
		term *= m / float64(i)
		sum += term
	}
	return min(sum, 1)
}
