package svtest

import (
	"context"
	"fmt"
	"io"
)

// RunFiles runs test files one after the other and writes a line per test, PASS
// or FAIL with the file's name, and at the end "N passed, N failed". A file that
// cannot be read has failed. The error is that of writing or of ctx.
func RunFiles(ctx context.Context, w io.Writer, files []string, o Options) (passed, failed int, err error) {
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return passed, failed, err
		}
		ok, err := runFile(ctx, w, file, o)
		if err != nil {
			return passed, failed, err
		}
		if ok {
			passed++
		} else {
			failed++
		}
	}
	_, err = fmt.Fprintf(w, "%d passed, %d failed\n", passed, failed)
	return passed, failed, err
}

func runFile(ctx context.Context, w io.Writer, file string, o Options) (ok bool, err error) {
	r, err := Run(ctx, file, o)
	if err != nil {
		_, err = fmt.Fprintf(w, "XX: %v\nFAIL %s\n", err, file)
		return false, err
	}
	return r.Passed(), r.Write(w)
}
