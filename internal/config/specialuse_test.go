package config

import (
	"fmt"
	"testing"
)

func TestSpecialUse(t *testing.T) {
	m := Mail{SpecialUse: []string{`Spam=\Junk`, `a=b=\Archive \All`, `Spam=\Trash`}}
	if got, want := fmt.Sprint(m.Uses()), `map[Spam:[\Junk \Trash] a=b:[\Archive \All]]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, bad := range []string{"Spam", `=\Junk`, "Spam=", `Spam=\Spam`, "Spam=Junk"} {
		if err := checkSpecialUse(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
