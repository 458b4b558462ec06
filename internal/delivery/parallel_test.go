package delivery

import (
	"sync"
	"testing"
)

func TestInParallel(t *testing.T) {
	// Two calls that wait for each other end only when they run at the same time.
	var meet sync.WaitGroup
	meet.Add(2)
	inParallel([]int{1, 2}, func(int) { meet.Done(); meet.Wait() })

	var mu sync.Mutex
	done := 0
	caught := func() (p any) {
		defer func() { p = recover() }()
		inParallel([]int{0, 1, 2, 3}, func(i int) {
			if i == 1 {
				panic("one")
			}
			mu.Lock()
			defer mu.Unlock()
			done++
		})
		return nil
	}()
	if caught != "one" || done != 3 {
		t.Errorf("caught %v, %d done", caught, done)
	}
}
