package builtin

import (
	"cmp"
	"math"
	"slices"
)

// The numbers of the method. Strength, deviation and company were chosen, with the
// limits DefaultSpam and DefaultHam, on the seeds 11 to 15 and 31 to 38 of package
// mailbag alone.
const (
	unknown   = 0.5 // probability of a token that was never seen
	strength  = 0.3 // how many messages that assumption is worth
	deviation = 0.3 // tokens nearer to one half than this do not count
	maxClues  = 150 // the strongest tokens that count

	// company is how many tokens count as one: words come together, so that many of
	// them are less evidence than as many that have nothing to do with each other.
	company = 2

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

// strongest gives the probabilities that count, in no order.
func strongest(all []float64) []float64 {
	some := make([]float64, 0, len(all))
	for _, p := range all {
		if math.Abs(p-0.5) >= deviation {
			some = append(some, p)
		}
	}
	if len(some) > maxClues {
		slices.SortFunc(some, func(a, b float64) int { return cmp.Compare(math.Abs(b-0.5), math.Abs(a-0.5)) })
		some = some[:maxClues]
	}
	return some
}

// combine gives the score of a message by Fisher's method: how unlikely it is
// that so many tokens speak for spam by chance, and the same for ham. What speaks
// for both, or for neither, is one half.
func combine(spam []float64) float64 {
	forSpam, forHam := product{1, 0}, product{1, 0}
	for _, p := range spam {
		forSpam.times(1 - p)
		forHam.times(p)
	}
	n := (len(spam) + company - 1) / company
	return (chiSquare(-2*forHam.log()/company, n) - chiSquare(-2*forSpam.log()/company, n) + 1) / 2
}

// product is one of many factors below one, of which the logarithm is wanted:
// one logarithm takes as long as many multiplications.
type product struct{ rest, logs float64 }

func (p *product) times(x float64) {
	if p.rest *= x; p.rest < 1e-200 {
		p.logs, p.rest = p.log(), 1
	}
}

func (p *product) log() float64 { return p.logs + math.Log(p.rest) }

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
