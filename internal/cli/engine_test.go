package cli

import (
	"strings"
	"testing"

	"dovetail/internal/config"
)

// sieve_max_script_size is the bound of what compiles, above the engine's own
// default too; 0 is none.
func TestMaxScriptSize(t *testing.T) {
	script := []byte("keep;\n" + strings.Repeat("#", 3<<20) + "\n")
	for size, want := range map[int64]bool{0: true, 4 << 20: true, 1 << 20: false, 100: false} {
		c := config.Defaults()
		c.Sieve.MaxScriptSize = size
		e, err := Engine(c)
		if err != nil {
			t.Fatal(err)
		}
		if p, diags := e.Compile("x", script, false); (p != nil) != want {
			t.Errorf("%d bytes: %v", size, diags)
		}
	}
}
