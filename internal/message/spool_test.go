package message

import (
	"io"
	"testing"
)

// A part of what was written is there while all is in memory, and when it is in a file.
func TestSpoolSection(t *testing.T) {
	for _, bound := range []int{4, 100} {
		s := NewSpool(t.TempDir(), bound)
		for _, part := range []string{"one\n", "two\n", "three\n"} {
			if _, err := s.Write([]byte(part)); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // and more may be written after it
			r, err := s.Section(4, 6)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); string(got) != "two\nth" || err != nil {
				t.Errorf("bound %d: %q, %v", bound, got, err)
			}
			if _, err := s.Write([]byte("four\n")); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
