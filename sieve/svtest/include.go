package svtest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"dovetail/sieve/internal/engine"
)

// sources gives the scripts that test files and their scripts include.
type sources struct{ s *suite }

// Script is engine.Source's.
func (x sources) Script(at engine.Location, name string) (file string, src []byte, err error) {
	setting, dir := "sieve", "included"
	if at == engine.Global {
		setting, dir = "sieve_global", "included-global"
	}
	if path, ok := strings.CutPrefix(x.s.setting(setting), "dict:file:"); ok {
		src, err := dictScript(path, name)
		return name, src, err
	}
	src, err = os.ReadFile(filepath.Join(x.s.dir, dir, name+".sieve"))
	if errors.Is(err, fs.ErrNotExist) {
		err = engine.ErrNoScript
	}
	return name, src, err
}

// dictScript finds a script in a dict file of Dovecot's, where the line of a key
// is followed by that of its value: the name leads to a number, the number to the text.
func dictScript(path, name string) ([]byte, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
	find := func(key string) (string, bool) {
		for i := 0; i+1 < len(lines); i += 2 {
			if lines[i] == key {
				return lines[i+1], true
			}
		}
		return "", false
	}
	id, ok := find("priv/sieve/name/" + name)
	if !ok {
		return nil, engine.ErrNoScript
	}
	text, ok := find("priv/sieve/data/" + id)
	if !ok {
		return nil, fmt.Errorf("%s has no data for script %s", path, id)
	}
	return []byte(text), nil
}
