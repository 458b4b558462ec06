package setup

import (
	"fmt"

	"dovetail/internal/config"
	"dovetail/internal/delivery"
	"dovetail/learn/builtin"
)

// BuiltinOptions are the settings of our own classifier ([learn.builtin]).
func BuiltinOptions(c *config.Config) builtin.Options {
	b := c.Learn.Builtin
	return builtin.Options{
		Path: b.Path, MinLessons: b.MinLessons, Lifetime: b.Lifetime,
		Spam: float64(b.SpamPercent) / 100, Ham: float64(b.HamPercent) / 100,
	}
}

// Builtin gives our own classifier. Like the state store it stays the same as long
// as its settings do, and a file that cannot be opened is an error of its uses.
func (m *Memory) Builtin(c *config.Config) (*builtin.Classifier, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if opened := m.classifiers[c.Learn.Builtin]; opened != nil {
		return opened, nil
	}
	opened, err := builtin.Open(BuiltinOptions(c))
	if err != nil {
		return nil, fmt.Errorf("%s: learn.builtin: %w", c.Origin("learn.builtin.path"), err)
	}
	if m.classifiers == nil {
		m.classifiers = map[config.Builtin]*builtin.Classifier{}
	}
	m.classifiers[c.Learn.Builtin] = opened
	return opened, nil
}

// scorer gives what scores messages at their delivery; nil when that is off.
func (m *Memory) scorer(c *config.Config) (delivery.Scorer, error) {
	b := c.Learn.Builtin
	if !b.Score {
		return nil, nil
	}
	if m == nil {
		m = &Memory{} // of a command that ends soon
	}
	classifier, err := m.Builtin(c)
	if err != nil {
		return nil, err
	}
	return builtin.NewScorer(classifier, b.ScoreHeader, b.ScoreTimeout, c.Learn.MaxSize), nil
}
