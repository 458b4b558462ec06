package mem

import (
	"testing"
	"time"

	"dovetail/internal/state"
	"dovetail/internal/state/statetest"
)

func TestStore(t *testing.T) {
	statetest.Suite(t, func(_ *testing.T, now func() time.Time) (state.Store, func() state.Store) { return New(now), nil })
}
