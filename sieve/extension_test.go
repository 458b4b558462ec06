package sieve_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dovetail/sieve/internal/engine"
)

const example = "testdata/extension/list.go"

// The example of docs/extensions.md is the one that is tested.
func TestExampleOfTheDocumentation(t *testing.T) {
	doc, err := os.ReadFile("../docs/extensions.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{example, "testdata/extension/script.sieve"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(doc), string(text)) {
			t.Errorf("docs/extensions.md does not show %s as it is", file)
		}
	}
}

// An extension is one file: put beside the others, and nothing else changed, its
// capability is there in the program.
func TestExampleExtension(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	overlay := map[string]map[string]string{"Replace": {
		filepath.Join(root, "sieve/internal/ext/vnd_example_list.go"): filepath.Join(root, "sieve", example),
	}}
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "dovetail")
	build := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program, "dovetail/cmd/dovetail")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building with the example: %v\n%s", err, out)
	}
	for script, want := range map[string]string{
		"testdata/extension/script.sieve": `"action":"fileinto","mailbox":"Lists/garden"`,
		"":                                "needs require \"vnd.example.list\"",
	} {
		args := []string{"sieve", "test", "--format", "json", script, "testdata/extension/mail.eml"}
		if script == "" { // the checker knows the words of the new capability, too
			without := filepath.Join(dir, "without.sieve")
			if err := os.WriteFile(without, []byte(`if list "x" { keep; }`), 0o600); err != nil {
				t.Fatal(err)
			}
			args = []string{"sieve", "check", without}
		}
		var out bytes.Buffer
		run := exec.Command(program, args...)
		run.Stdout, run.Stderr = &out, &out
		if err := run.Run(); err != nil && script != "" {
			t.Errorf("%v: %v", args, err)
		}
		if !strings.Contains(out.String(), want) {
			t.Errorf("%v: %s\nwant %s", args, &out, want)
		}
	}
}

// Every capability is told of, with its gaps, in docs/specifications.md.
func TestSpecificationsAreComplete(t *testing.T) {
	doc, err := os.ReadFile("../docs/specifications.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range engine.Known() {
		if !strings.Contains(string(doc), "`"+name+"`") {
			t.Errorf("docs/specifications.md lacks %s", name)
		}
	}
}
