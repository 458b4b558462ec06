package ext

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// parseFiles parses the package's files without tests.
func parseFiles(t *testing.T) (*token.FileSet, []*ast.File) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if len(files) < 30 {
		t.Fatalf("only %d files found", len(files))
	}
	return fset, files
}

// noImports leaves the types of other packages unknown, which does for names.
type noImports struct{}

func (noImports) Import(string) (*types.Package, error) { return nil, errors.New("not needed") }

// TestFilesStandAlone keeps the files of extensions independent: a file uses
// nothing that another one declares, so that each can be added or taken away.
func TestFilesStandAlone(t *testing.T) {
	fset, files := parseFiles(t)
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: noImports{}, Error: func(error) {}}
	pkg, _ := conf.Check("ext", fset, files, info)
	for ident, obj := range info.Uses {
		if obj.Parent() != pkg.Scope() {
			continue
		}
		here, there := fset.Position(ident.Pos()), fset.Position(obj.Pos())
		if here.Filename != there.Filename {
			t.Errorf("%s: uses %s of %s", here, ident.Name, there.Filename)
		}
	}
}

// TestFileNames has each file register one extension and bear its name.
func TestFileNames(t *testing.T) {
	fset, files := parseFiles(t)
	for _, f := range files {
		file := fset.Position(f.Pos()).Filename
		if file == "doc.go" {
			continue
		}
		names := registered(f)
		if len(names) != 1 {
			t.Errorf("%s registers %d extensions", file, len(names))
			continue
		}
		want := strings.NewReplacer(".", "_", "-", "_", ";", "_").Replace(names[0]) + ".go"
		if names[0] != "" && file != want {
			t.Errorf("the extension %q is in %s, not in %s", names[0], file, want)
		}
	}
}

// registered gives the names of the extensions that a file registers.
func registered(f *ast.File) []string {
	var names []string
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if sel, ok := call.Fun.(*ast.SelectorExpr); !ok || sel.Sel.Name != "Register" {
			return true
		}
		name := ""
		for _, elt := range call.Args[0].(*ast.UnaryExpr).X.(*ast.CompositeLit).Elts {
			kv := elt.(*ast.KeyValueExpr)
			if lit, ok := kv.Value.(*ast.BasicLit); ok && kv.Key.(*ast.Ident).Name == "Name" {
				name, _ = strconv.Unquote(lit.Value)
			}
		}
		names = append(names, name)
		return false
	})
	return names
}
