package diskfloor

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// Every method leaves each file whole under its final name, and none in tmp/.
func TestRunStoresAll(t *testing.T) {
	for _, method := range []Method{Each, Shared} {
		t.Run(method.String(), func(t *testing.T) {
			dir := t.TempDir()
			result, err := Run(context.Background(), Options{Dir: dir, Method: method, Goroutines: 4, Files: 37, Size: 100, Dirs: 5})
			if err != nil {
				t.Fatal(err)
			}
			stored, _ := filepath.Glob(filepath.Join(dir, "*", "new", "*"))
			left, _ := filepath.Glob(filepath.Join(dir, "*", "tmp", "*"))
			if len(stored) != 37 || len(left) != 0 {
				t.Errorf("%d files stored and %d left in tmp, want 37 and 0", len(stored), len(left))
			}
			for _, name := range stored {
				if info, err := os.Stat(name); err != nil || info.Size() != 100 {
					t.Errorf("%s: %v, %v, want 100 bytes", name, info, err)
				}
			}
			if result.PerSecond <= 0 || (result.Syncs > 0) != (method != Each) {
				t.Errorf("unlikely result %+v", result)
			}
		})
	}
}

func TestRunReportsErrors(t *testing.T) {
	for _, method := range []Method{Each, Shared} {
		dir := t.TempDir()
		// A directory where a file is to be created.
		o := Options{Dir: dir, Method: method, Files: 3, Dirs: 1}
		o.setDefaults()
		if err := os.MkdirAll(newFile(o, 1, nil).tmp, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := Run(context.Background(), o); err == nil {
			t.Errorf("%v: no error though a file cannot be created", method)
		}
	}
}
