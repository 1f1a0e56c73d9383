package bound

import (
	"context"
	"fmt"
	"sync"
	"time"

	"wapid/cmd/wapid/bench/load"
)

// arrival is how long the process waits for messages that are under way.
const arrival = 2 * time.Minute

// inbound counts what arrives, and notes how long it took from the time that
// stands in the text.
type inbound struct {
	mu     sync.Mutex
	took   []time.Duration
	last   time.Time
	wanted int           // enough is closed once so many have come
	enough chan struct{} // nil while nobody waits
}

func (i *inbound) note(text string) {
	now := time.Now()
	sent, ok := load.Stamped(text)
	if !ok {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.took = append(i.took, now.Sub(sent))
	i.last = now
	if i.enough != nil && len(i.took) >= i.wanted {
		close(i.enough)
		i.enough = nil
	}
}

// take waits until so many messages have come, returns what has, and begins
// anew.
func (i *inbound) take(ctx context.Context, count int) (took []time.Duration, last time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, arrival)
	defer cancel()
	if enough := i.await(count); enough != nil {
		select {
		case <-enough:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	took, last = i.took, i.last
	i.took, i.enough = nil, nil
	if err != nil {
		err = fmt.Errorf("%d of %d messages came: %w", len(took), count, err)
	}
	return took, last, err
}

// await returns a channel that closes when there are enough, nil when there are.
func (i *inbound) await(count int) <-chan struct{} {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.took) >= count {
		return nil
	}
	i.wanted, i.enough = count, make(chan struct{})
	return i.enough
}
