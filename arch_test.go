package dovetail_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "dovetail/"
	cobra  = "github.com/spf13/cobra"
)

// domain packages are usable as libraries: they take values, return errors, and
// know no command line, no configuration file and no logger of their own.
var domain = []string{"sieve", "sieve/...", "maildir", "maildir/...", "internal/userdb", "internal/userdb/...",
	"internal/mailstore", "internal/mailstore/...", "internal/state", "internal/state/...", "internal/message", "internal/message/...",
	"learn", "learn/...", "expire", "expire/..."}

// testOnly packages are outside the layers: no program may depend on them.
var testOnly = []string{"internal/peer", "internal/peer/...", "bench", "bench/...", "e2e", "e2e/...", "sieve/opinion",
	"*/fsxtest", "*/storetest", "*/userdbtest", "*/statetest", "*/learntest"}

type pkg struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

// name is the path of the package inside the module.
func (p pkg) name() string { return strings.TrimPrefix(p.ImportPath, module) }

// The imports between the packages of this module follow the map in
// docs/architecture.md.
func TestImportsFollowTheMap(t *testing.T) {
	layers := readMap(t)
	for _, p := range listPackages(t) {
		if p.ImportPath+"/" == module || isOne(p.name(), testOnly) {
			continue
		}
		layer, ok := layerOf(layers, p.name())
		if !ok {
			t.Errorf("%s has no layer: put it into the table of docs/architecture.md", p.name())
			continue
		}
		for _, imported := range ours(p.Imports) {
			if isOne(imported, testOnly) {
				t.Errorf("%s imports %s, which is for tests", p.name(), imported)
				continue
			}
			if below, ok := layerOf(layers, imported); ok && below >= layer {
				t.Errorf("%s (layer %d) imports %s (layer %d): only smaller layers may be imported", p.name(), layer, imported, below)
			}
		}
	}
}

// Some imports have few places where they may occur, whatever the layers.
func TestImportsInTheirPlaces(t *testing.T) {
	programs := []string{"cmd/..."}
	rules := []struct {
		imported string
		allowed  []string // where it may be imported; nil means everywhere
		denied   []string
	}{
		{imported: module + "internal/cli", allowed: programs},
		{imported: cobra, allowed: append([]string{"internal/cli"}, programs...)},
		{imported: module + "internal/config", denied: domain},
		{imported: "log/slog", denied: domain},
	}
	for _, p := range listPackages(t) {
		for _, rule := range rules {
			if !slices.Contains(p.Imports, rule.imported) {
				continue
			}
			if rule.allowed != nil && !isOne(p.name(), rule.allowed) || isOne(p.name(), rule.denied) {
				t.Errorf("%s may not import %s", p.name(), rule.imported)
			}
		}
		for _, imported := range ours(slices.Concat(p.TestImports, p.XTestImports)) {
			if isOne(imported, programs) {
				t.Errorf("a test of %s imports %s: programs are tested as programs", p.name(), imported)
			}
		}
	}
}

// The patterns of this file mean what they look like.
func TestIsOne(t *testing.T) {
	for _, c := range []struct {
		name    string
		pattern string
		want    bool
	}{
		{"sieve", "sieve", true},
		{"sieve/action", "sieve", false},
		{"sieve/internal/ext", "sieve/...", true},
		{"sievex", "sieve/...", false},
		{"internal/fsx/fsxtest", "*/fsxtest", true},
		{"internal/fsx", "*/fsxtest", false},
	} {
		if got := isOne(c.name, []string{c.pattern}); got != c.want {
			t.Errorf("isOne(%q, %q) = %v", c.name, c.pattern, got)
		}
	}
}

// isOne tells whether a package matches one of the patterns: a path, a path and
// "/..." for all below it, or "*/" and the last element of a path.
func isOne(name string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if last, ok := strings.CutPrefix(pattern, "*/"); ok {
			return path.Base(name) == last
		}
		if parent, ok := strings.CutSuffix(pattern, "/..."); ok {
			return strings.HasPrefix(name, parent+"/")
		}
		return name == pattern
	})
}

// layerOf looks up a package, which a "/*" entry of the map may cover.
func layerOf(layers map[string]int, name string) (int, bool) {
	if layer, ok := layers[name]; ok {
		return layer, true
	}
	layer, ok := layers[path.Dir(name)+"/*"]
	return layer, ok
}

// ours returns those imports that are in this module, without its name.
func ours(imports []string) []string {
	var names []string
	for _, i := range imports {
		if name, ok := strings.CutPrefix(i, module); ok {
			names = append(names, name)
		}
	}
	return names
}

var (
	mapRow = regexp.MustCompile("(?m)^\\| *(\\d+) *\\| *(`[^|]*`) *\\|")
	quoted = regexp.MustCompile("`([^`]+)`")
	braces = regexp.MustCompile(`^(.*)\{(.*)\}(.*)$`)
)

// readMap reads the table "| layer | `package` | … |" of docs/architecture.md,
// where `a/{b,c}` stands for two packages.
func readMap(t *testing.T) map[string]int {
	t.Helper()
	text, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	layers := map[string]int{}
	for _, row := range mapRow.FindAllStringSubmatch(string(text), -1) {
		layer, err := strconv.Atoi(row[1])
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range quoted.FindAllStringSubmatch(row[2], -1) {
			parts := braces.FindStringSubmatch(name[1])
			if parts == nil {
				layers[name[1]] = layer
				continue
			}
			for _, alternative := range strings.Split(parts[2], ",") {
				layers[parts[1]+alternative+parts[3]] = layer
			}
		}
	}
	if len(layers) < 10 {
		t.Fatalf("docs/architecture.md holds a map of only %d packages: %v", len(layers), layers)
	}
	return layers
}

func listPackages(t *testing.T) []pkg {
	t.Helper()
	var stderr bytes.Buffer
	list := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var packages []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatalf("output of go list: %v", err)
		}
		packages = append(packages, p)
	}
}
