package engine

import (
	"slices"

	"dovetail/internal/message"
	"dovetail/sieve/action"
)

// What follows is for a host that steers a run from inside: the test suite,
// whose scripts set the message, start other scripts and change settings.

// Known names every extension that is registered, enabled or not, sorted.
func Known() []string {
	var names []string
	for _, x := range registry {
		if x.Name != "" {
			names = append(names, x.Name)
		}
	}
	slices.Sort(names)
	return names
}

// SetOriginal replaces the message for all that follows, its unedited form too.
func (r *Run) SetOriginal(m *message.Message) { r.original, r.msg = m, m }

// Restore replaces what was asked for so far: the actions, and whether the
// implicit keep is in force.
func (r *Run) Restore(actions []action.Action, keep bool) {
	r.actions, r.keep = slices.Clone(actions), keep
	r.origins = make([]Pos, len(actions))
}

// UseSettings puts the settings of another engine in force.
func (r *Run) UseSettings(e *Engine) { r.configs = e.configs }
