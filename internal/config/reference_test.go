package config

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// referencePage lists all settings. UPDATE_REFERENCE=1 in the environment writes it anew.
const referencePage = "../../docs/settings.md"

const referenceHead = `# Settings

Every key of dovetail.toml, its default and its meaning. All are optional. Where Dovecot has a setting for the same
thing, the key has its name and takes its values. Times are "10s", "5 mins", "1 hour", "2d", "4w"; sizes "10M" or a number of
bytes; a list may be a single string. A wrong or unknown key is an error that names file, line and key:
` + "`dovetail config check`" + `. What is in force, and where it comes from: ` + "`dovetail config show`" + `.

This page is made from the comments in internal/config, by its tests (UPDATE_REFERENCE=1).
`

// The page that administrators read is what the program knows.
func TestReference(t *testing.T) {
	fields := structFields(t)
	var b strings.Builder
	b.WriteString(referenceHead)
	writeTable(t, &b, fields, "", reflect.ValueOf(reference()).Elem())
	if os.Getenv("UPDATE_REFERENCE") != "" {
		if err := os.WriteFile(referencePage, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != b.String() {
		t.Errorf("%s is not what the comments say: UPDATE_REFERENCE=1 go test ./internal/config", referencePage)
	}
}

// reference is a configuration with one element in each list of tables.
func reference() *Config {
	c := Defaults()
	c.Expire = []Expire{newElement(reflect.TypeFor[Expire]()).Interface().(Expire)}
	return c
}

// documented is a field of a struct.
type documented struct{ comment string }

// structFields gives the comments of all fields, by type and field.
func structFields(t *testing.T) map[string]documented {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]documented{}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if s, ok := spec.Type.(*ast.StructType); ok {
					fields["type "+spec.Name.Name] = documented{}
					for _, f := range s.Fields.List {
						for _, id := range f.Names {
							fields[spec.Name.Name+"."+id.Name] = documented{strings.TrimSpace(f.Comment.Text() + f.Doc.Text())}
						}
					}
				}
			}
			return true
		})
	}
	return fields
}

// writeTable writes the settings of a table, then those of the tables in it.
func writeTable(t *testing.T, b *strings.Builder, fields map[string]documented, prefix string, v reflect.Value) {
	title := prefix
	if title == "" {
		title = "top level"
	}
	var rows strings.Builder
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := f.Tag.Get("toml")
		if name == "" || f.Type.Kind() == reflect.Struct || isTables(f.Type) {
			continue
		}
		about := fields[v.Type().Name()+"."+f.Name].comment
		if words := f.Tag.Get("oneof"); words != "" {
			about = strings.Join(slices.DeleteFunc([]string{"one of: " + strings.Join(strings.Fields(words), ", "), about}, func(s string) bool { return s == "" }), "; ")
		}
		if about == "" {
			t.Errorf("%s.%s (%s) has no comment", v.Type().Name(), f.Name, join(prefix, name))
		}
		fmt.Fprintf(&rows, "| `%s` | `%s` | %s |\n", name, valueText(v.Field(i), f.Tag), strings.ReplaceAll(strings.Join(strings.Fields(about), " "), "|", `\|`))
	}
	if rows.Len() > 0 {
		fmt.Fprintf(b, "\n## %s\n\n| key | default | |\n|---|---|---|\n%s", title, &rows)
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := f.Tag.Get("toml")
		switch {
		case name == "":
		case f.Type.Kind() == reflect.Struct:
			writeTable(t, b, fields, bracket(prefix, name, 1), v.Field(i))
		case isTables(f.Type):
			writeTable(t, b, fields, bracket(prefix, name, 2), v.Field(i).Index(0))
		}
	}
}

func isTables(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct
}

// bracket gives the name of a table as TOML writes it.
func bracket(prefix, name string, depth int) string {
	return strings.Repeat("[", depth) + join(strings.Trim(prefix, "[]"), name) + strings.Repeat("]", depth)
}
