package engine

import "errors"

// Settings are an engine's settings by Dovecot's names, as strings. An
// extension parses those that concern it.
type Settings map[string]string

// Configuration is a Config of any type.
type Configuration interface {
	parse(Settings) (any, error)
	slot() int
}

// Config is what an extension makes of its settings: parsed once per engine,
// read while compiling and running. Declare one per extension as a package-level
// variable and name it in Extension.Configs.
type Config[T any] struct {
	index int
	read  func(Settings) (T, error)
}

var configs int

// NewConfig makes a Config. read gets all settings, takes defaults for what is
// missing or empty, and gives usable values beside an error about a bad one.
func NewConfig[T any](read func(Settings) (T, error)) *Config[T] {
	configs++
	return &Config[T]{index: configs - 1, read: read}
}

func (k *Config[T]) parse(s Settings) (any, error) { return k.read(s) }
func (k *Config[T]) slot() int                     { return k.index }

// Of gives the parsed settings in force for a script that is compiled or run.
func (k *Config[T]) Of(h Holder) T {
	v, _ := h.configSlots()[k.index].(T)
	return v
}

// parseConfigs reads the settings of some extensions into slots (by Config).
func parseConfigs(slots []any, exts []*Extension, s Settings) error {
	var errs []error
	for _, e := range exts {
		for _, k := range e.Configs {
			v, err := k.parse(s)
			if err != nil {
				errs = append(errs, err)
			}
			slots[k.slot()] = v
		}
	}
	return errors.Join(errs...)
}

// Holder carries settings and state: a *Compiler or a *Run.
type Holder interface {
	configSlots() []any
	stateSlots() *[]any
}

// State is memory that an extension keeps per script while it is compiled, and
// apart from that per script while it runs. Declare it as a package-level variable.
type State[T any] struct {
	index int
	fresh func() *T
}

var states int

// NewState makes a State; fresh makes its first value.
func NewState[T any](fresh func() *T) *State[T] {
	states++
	return &State[T]{index: states - 1, fresh: fresh}
}

// Of gives the state of the script that h compiles or runs.
func (k *State[T]) Of(h Holder) *T {
	slots := h.stateSlots()
	for len(*slots) <= k.index {
		*slots = append(*slots, nil)
	}
	if (*slots)[k.index] == nil {
		(*slots)[k.index] = k.fresh()
	}
	return (*slots)[k.index].(*T)
}
