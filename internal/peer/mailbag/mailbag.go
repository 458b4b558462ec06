// Package mailbag makes mail that is hard to tell apart, to measure classifiers
// beside each other: no classifier gets all of it right.
//
// It is made mail, and says nothing about how good a classifier is with a site's
// own; but it has what makes that hard. Six languages, one of them without spaces
// and one not in Latin letters; words as frequent as in real text. Spam comes in campaigns that live
// for a while, so that a test meets some that no lesson has shown; a part of it
// carries innocent text to mislead, cuts its words by digits, or says nearly
// nothing. Ham is letters, mailing lists and newsletters, and these advertise much
// as spam does; a part of the letters is from strangers. Text is plain or HTML, in
// any transfer encoding and several charsets, alike in both classes.
//
//	b := mailbag.New(1)
//	m := b.Spam(7) // a message with LF line ends; the same for the same seed and number
package mailbag

import (
	"math/rand/v2"
)

// Bag makes messages. It may be used by several goroutines.
type Bag struct {
	seed      uint64
	languages []*language
	letters   []*sender // people
	bulletins []*sender // newsletters and lists
	campaigns []*sender
}

// sender is one who writes, or a campaign.
type sender struct {
	address, name string
	language      *language
	topics        []int // what is written about, by weight
	host          string
	mailer        string
	html          int // per cent of the messages
	links         []string
}

// How many there are of each, and how many campaigns are alive at a time.
const (
	people    = 60
	lists     = 25
	campaigns = 400
	alive     = 12
)

// Topics: those below commercial are private, those from scam on are spam's alone.
const (
	commercial = 14
	scam       = 24
	topics     = 28
)

var mailers = []string{"", "", "Mailer 7.2", "Postbox/3.1", "Webmail 1.6.0", "iPost (20B101)", "PHPSend 5.2"}

// New makes a bag; bags of different seeds have no message in common.
func New(seed uint64) *Bag {
	b := &Bag{seed: seed}
	r := rand.New(rand.NewPCG(seed, 1))
	for _, a := range alphabets {
		b.languages = append(b.languages, newLanguage(r, a))
	}
	for range people {
		s := b.sender(r)
		s.html = r.IntN(60)
		for range 4 {
			s.topics = append(s.topics, r.IntN(commercial))
		}
		s.topics = append(s.topics, r.IntN(scam))
		b.letters = append(b.letters, s)
	}
	for range lists {
		s := b.sender(r)
		s.html = 40 + r.IntN(60)
		for range 4 {
			s.topics = append(s.topics, commercial+r.IntN(scam-commercial))
		}
		s.topics = append(s.topics, r.IntN(commercial))
		s.links = []string{s.host, b.domain(r)}
		b.bulletins = append(b.bulletins, s)
	}
	for range campaigns {
		s := b.sender(r)
		s.html = 20 + r.IntN(80)
		for range 4 {
			s.topics = append(s.topics, commercial+r.IntN(topics-commercial))
		}
		s.topics = append(s.topics, r.IntN(commercial))
		s.links = []string{b.domain(r), b.domain(r)}
		b.campaigns = append(b.campaigns, s)
	}
	return b
}

// sender makes one who writes in some language from somewhere.
func (b *Bag) sender(r *rand.Rand) *sender {
	l := b.languages[max(r.IntN(4*len(b.languages))-3*len(b.languages), 0)] // most write the first one
	host := b.domain(r)
	name := b.languages[0].word(r) + " " + b.languages[0].word(r)
	return &sender{
		address: b.languages[0].word(r) + "@" + host, name: name, language: l,
		host: host, mailer: mailers[r.IntN(len(mailers))],
	}
}

func (b *Bag) domain(r *rand.Rand) string {
	return b.languages[0].word(r) + b.languages[0].word(r) + []string{".example", ".example.com", ".example.net", ".test"}[r.IntN(4)]
}

// Spam gives the spam of that number. Campaigns pass by as the number grows.
func (b *Bag) Spam(n int) []byte {
	r := rand.New(rand.NewPCG(b.seed, uint64(n)<<1|1<<32))
	s := *b.campaigns[(n/60+r.IntN(alive))%campaigns]
	if r.IntN(2) == 0 { // from a machine that was broken into
		s.address, s.host = b.languages[0].word(r)+"@"+b.domain(r), b.domain(r)
	}
	t := text{r: r, s: &s, n: n, length: length(r)}
	switch r.IntN(10) {
	case 0, 1: // innocent text besides
		t.other = b.letters[r.IntN(people)]
	case 2, 3:
		t.cut = true
	case 4:
		t.length = 3 + r.IntN(8)
	}
	return t.message()
}

// Ham gives the ham of that number.
func (b *Bag) Ham(n int) []byte {
	r := rand.New(rand.NewPCG(b.seed, uint64(n)<<1|1<<33))
	t := text{r: r, n: n, length: length(r)}
	switch r.IntN(10) {
	case 0, 1, 2, 3:
		t.s = b.bulletins[r.IntN(lists)]
	case 4, 5: // a stranger
		s := b.sender(r)
		like := b.letters[r.IntN(people)]
		s.topics, s.html = append([]int{r.IntN(scam)}, like.topics...), like.html
		t.s = s
	case 6:
		t.s, t.length = b.letters[r.IntN(people)], 3+r.IntN(8)
	default:
		t.s = b.letters[r.IntN(people)]
	}
	return t.message()
}

// length gives a number of words between 10 and some hundreds.
func length(r *rand.Rand) int { return 10 << r.IntN(6) * (2 + r.IntN(2)) / 2 }
