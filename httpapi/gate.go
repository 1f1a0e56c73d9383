package httpapi

import (
	"sync"
	"time"

	"wapid/engine"
)

// gatePeriod is how often failures of one code are logged.
const gatePeriod = time.Second

// gate keeps failures that come in masses, as they do while the disk is full,
// from filling the log.
type gate struct {
	mu     sync.Mutex
	passed map[engine.Code]*passage
}

type passage struct {
	last time.Time
	held int // since last
}

func newGate() *gate { return &gate{passed: make(map[engine.Code]*passage)} }

// pass tells whether to log a failure now, and how many of its code were held
// back since the last one that was logged.
func (g *gate) pass(code engine.Code) (held int, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, known := g.passed[code]
	if !known {
		p = &passage{}
		g.passed[code] = p
	}
	now := time.Now()
	if known && now.Sub(p.last) < gatePeriod {
		p.held++
		return 0, false
	}
	held, p.held, p.last = p.held, 0, now
	return held, true
}
