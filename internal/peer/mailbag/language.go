package mailbag

import (
	"math/rand/v2"
	"strings"
)

// alphabet is what words of a language are made of.
type alphabet struct {
	first, then []string
	spaced      bool
	charset     string // an older one than UTF-8; "" for none
}

var alphabets = []alphabet{
	{strings.Fields("b br c d f g h l m n p r s st t th w"), strings.Fields("a e i o u ai ea on er ing"), true, "iso-8859-1"},
	{strings.Fields("b ch d f g k l m n r s sch t v w z"), strings.Fields("a e i o u ä ö ü ei en er ung"), true, "iso-8859-15"},
	{strings.Fields("b c d f g j l m n p qu r s t v"), strings.Fields("a e i o u é è ou ai eux ment"), true, "windows-1252"},
	{strings.Fields("б в г д ж з к л м н п р с т ч"), strings.Fields("а е и о у ы я ов ить ник"), true, "koi8-r"},
	{strings.Fields("c ć d k l ł m n p r s sz t w z"), strings.Fields("a ą e ę i o u y ow ski"), true, "iso-8859-2"},
	{strings.Split("的一是不了人我在有他这中大来上国和地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里", ""), []string{""}, false, "gb2312"},
}

// language is a made language.
type language struct {
	alphabet
	common []string
	about  [topics][]string
}

const (
	commonWords = 250
	topicWords  = 100
)

func newLanguage(r *rand.Rand, a alphabet) *language {
	l := &language{alphabet: a}
	for range commonWords {
		l.common = append(l.common, l.syllables(r, 1+r.IntN(2)))
	}
	for i := range l.about {
		for range topicWords {
			l.about[i] = append(l.about[i], l.word(r))
		}
	}
	return l
}

// word makes a word that has most likely not been before.
func (l *language) word(r *rand.Rand) string { return l.syllables(r, 2+r.IntN(3)) }

func (l *language) syllables(r *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		b.WriteString(l.first[r.IntN(len(l.first))] + l.then[r.IntN(len(l.then))])
	}
	return b.String()
}

// frequent picks a word as Zipf has it: the n-th one is 1/n as frequent as the first.
func frequent(r *rand.Rand, words []string) string {
	return words[rand.NewZipf(r, 1.1, 4, uint64(len(words)-1)).Uint64()]
}
