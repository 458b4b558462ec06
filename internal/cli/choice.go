package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Choice adds a flag whose value is one of the words, the first one unless it is given.
func Choice(f *pflag.FlagSet, value *string, name, usage string, words ...string) {
	*value = words[0]
	f.Var(&choice{value, words}, name, usage)
}

type choice struct {
	value *string
	words []string
}

// Set is pflag.Value's.
func (c *choice) Set(s string) error {
	if !slices.Contains(c.words, s) {
		return fmt.Errorf("%q is not one of %s", s, strings.Join(c.words, ", "))
	}
	*c.value = s
	return nil
}

// String is pflag.Value's.
func (c *choice) String() string { return *c.value }

// Type is pflag.Value's.
func (c *choice) Type() string { return "string" }
