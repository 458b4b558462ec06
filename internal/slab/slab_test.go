package slab

import "testing"

// What was handed out is zero, stays apart from what comes later, and has no
// room into which an append could write.
func TestSlices(t *testing.T) {
	var s Of[int]
	var all [][]int
	for i := range 300 {
		got := s.Slice(i % 40)
		for _, v := range got {
			if v != 0 {
				t.Fatalf("slice %d: not zero: %v", i, got)
			}
		}
		if len(got) != i%40 || cap(got) != len(got) {
			t.Fatalf("slice %d: length %d, capacity %d", i, len(got), cap(got))
		}
		for j := range got {
			got[j] = i + 1
		}
		all = append(all, got)
	}
	for i, got := range all {
		for _, v := range got {
			if v != i+1 {
				t.Fatalf("slice %d was overwritten: %v", i, got)
			}
		}
	}
}

func TestCopy(t *testing.T) {
	var s Of[string]
	values := []string{"a", "b"}
	got, one := s.Copy(values), s.One("c")
	values[0] = "x"
	if len(got) != 2 || got[0] != "a" || got[1] != "b" || len(one) != 1 || one[0] != "c" {
		t.Errorf("got %q and %q", got, one)
	}
	if s.Copy(nil) != nil {
		t.Error("a copy of nothing is something")
	}
}

func TestFewAllocations(t *testing.T) {
	if n := testing.AllocsPerRun(10, func() {
		var s Of[[4]int]
		for range 1000 {
			s.New()
		}
	}); n > 20 {
		t.Errorf("%v allocations for 1000 values", n)
	}
}

// After a Reset the slabs are handed out again, zeroed, and no value twice.
func TestReset(t *testing.T) {
	var s Of[int]
	s.Keep()
	for round := range 3 {
		allocated := testing.AllocsPerRun(1, func() { s.Reset() })
		if allocated > 0 {
			t.Errorf("Reset allocates %v times", allocated)
		}
		var all []*int
		for i := range 500 {
			clear(s.Slice(i % 9))
			v := s.New()
			if *v != 0 {
				t.Fatalf("round %d, value %d: not zero: %d", round, i, *v)
			}
			*v = i + 1
			all = append(all, v)
		}
		for i, v := range all {
			if *v != i+1 {
				t.Fatalf("round %d, value %d was handed out twice: %d", round, i, *v)
			}
		}
	}
	if n := testing.AllocsPerRun(10, func() {
		s.Reset()
		for range 500 {
			*s.New() = 1
		}
	}); n > 0 {
		t.Errorf("%v allocations for values that were there before", n)
	}
}
