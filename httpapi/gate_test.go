package httpapi

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"wapid/engine"
)

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		begun := time.Now()
		for i, c := range []struct {
			at   time.Duration
			code engine.Code
			held int
			ok   bool
		}{
			{0, engine.CodeStorage, 0, true},
			{0, engine.CodeStorage, 0, false},
			{0, engine.CodeInternal, 0, true},
			{gatePeriod - 1, engine.CodeStorage, 0, false},
			{gatePeriod, engine.CodeStorage, 2, true},
			{gatePeriod, engine.CodeInternal, 0, true},
			{2*gatePeriod - 1, engine.CodeStorage, 0, false},
			{9 * gatePeriod, engine.CodeStorage, 1, true},
		} {
			<-time.After(time.Until(begun.Add(c.at)))
			if held, ok := g.pass(c.code); held != c.held || ok != c.ok {
				t.Errorf("%d: %d %v", i, held, ok)
			}
		}
	})
}

func TestFailuresInMassesAreLoggedOnce(t *testing.T) {
	d := start(t)
	if err := d.store.Close(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	const requests = 50
	for range requests {
		d.wants(d.get("/api/whatsapp/sessions"), http.StatusInternalServerError, engine.CodeStorage)
	}
	most := int(time.Since(begun)/gatePeriod) + 1
	if n := d.log.FilterMessage("request failed").Len(); n < 1 || n > most {
		t.Errorf("logged %d times, want 1 to %d", n, most)
	}
	if n := d.log.FilterMessage("request failed, as others just did").Len(); n < requests-most {
		t.Errorf("%d are left for debugging", n)
	}
}
