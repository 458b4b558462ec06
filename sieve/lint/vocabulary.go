package lint

import (
	"slices"
	"strings"

	"dovetail/sieve"
	"dovetail/sieve/internal/engine"
)

// vocabulary is the engine's, by kind and name.
type vocabulary struct {
	all    []engine.Word
	byName map[wordKey][]engine.Word
}

type wordKey struct {
	kind engine.WordKind
	name string
}

func newVocabulary(e *sieve.Engine) vocabulary {
	v := vocabulary{all: e.Words(), byName: map[wordKey][]engine.Word{}}
	for _, w := range v.all {
		key := wordKey{w.Kind, w.Name}
		v.byName[key] = append(v.byName[key], w)
	}
	return v
}

// find gives the words of a kind and name: several where several extensions have it.
func (v vocabulary) find(kind engine.WordKind, name string) []engine.Word {
	return slices.Clip(v.byName[wordKey{kind, name}])
}

// tags gives the tags of that name on a command; all of them for an empty name.
func (v vocabulary) tags(command, name string) []engine.Word {
	words := v.all
	if name != "" {
		words = v.find(engine.WordTag, name)
	}
	var found []engine.Word
	for _, w := range words {
		if w.Kind == engine.WordTag && slices.Contains(w.On, command) {
			found = append(found, w)
		}
	}
	return found
}

func (v vocabulary) tagHasValue(command, name string) bool {
	return slices.ContainsFunc(v.find(engine.WordTag, name), func(w engine.Word) bool {
		return w.Value && slices.Contains(w.On, command)
	})
}

// of gives the words that come with a capability, and the capability itself.
func (v vocabulary) of(capability string) (self engine.Word, words []engine.Word) {
	for _, w := range v.all {
		switch {
		case w.Kind == engine.WordCapability && w.Name == capability:
			self = w
		case w.Kind != engine.WordCapability && w.Capability == capability:
			words = append(words, w)
		}
	}
	return self, words
}

// names gives the names of the words of a kind.
func (v vocabulary) names(kind engine.WordKind) []string {
	var names []string
	for _, w := range v.all {
		if w.Kind == kind {
			names = append(names, w.Name)
		}
	}
	return names
}

// capabilities lists the capabilities of words, each once, in quotes.
func capabilities(words []engine.Word) string {
	var names []string
	for _, w := range words {
		if q := `"` + w.Capability + `"`; w.Capability != "" && !slices.Contains(names, q) {
			names = append(names, q)
		}
	}
	return strings.Join(names, " or ")
}
