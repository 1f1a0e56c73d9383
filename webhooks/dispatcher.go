package webhooks

import (
	"context"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"wapid/engine"
)

// Options of a dispatcher. The zero value is what the daemon uses.
type Options struct {
	// Workers is how many deliveries may be under way at once that are about to
	// end, as a receiver that is well answers soon; 0 means 512. Three times as
	// many may be to receivers that let them wait. Each is a goroutine and a
	// socket only while it lasts: the files that a process may have open (which
	// Go raises to the hard limit) should be five times the workers.
	Workers int
	// PerEndpoint is how many may be under way to one endpoint; 0 means 4. While
	// more than half of all places are taken it is one.
	PerEndpoint int
	PerTenant   int           // to all endpoints of a tenant; 0 means 32
	Poll        time.Duration // longest sleep between two looks at the store; 0 means 5 s
	Grace       time.Duration // how long deliveries under way may go on once Run is to end; 0 means 5 s
	Version     string        // for the User-Agent; "" means dev
	Clock       func() time.Time
	Rand        func() float64 // draws from [0, 1) for jitter
	// Tried is told of every try at a delivery once its outcome is recorded, by many
	// goroutines at once; it must return at once. Nil for nobody.
	Tried func(engine.Event, Tried)
	// Trace begins a step for a try at a delivery, and returns its context, the W3C
	// traceparent that the post carries, "" for none, and what ends it with the status
	// of the answer, 0 for none. Nil for nobody.
	Trace func(ctx context.Context, e engine.Event) (_ context.Context, parent string, end func(status int))
	// Encode makes the body for an endpoint of a foreign format, the same bytes on
	// every try of an event. It is called by many goroutines at once. What it can't
	// encode is tried again as what a receiver has refused is. Nil: there are no such
	// endpoints.
	Encode func(context.Context, Endpoint, engine.Event) (Post, error)
}

func (o Options) withDefaults() Options {
	if o.Workers <= 0 {
		o.Workers = 512
	}
	if o.PerEndpoint <= 0 {
		o.PerEndpoint = 4
	}
	if o.PerTenant <= 0 {
		o.PerTenant = 32
	}
	if o.Poll <= 0 {
		o.Poll = 5 * time.Second
	}
	if o.Grace <= 0 {
		o.Grace = 5 * time.Second
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	return o
}

// Dispatcher takes due deliveries from the store and posts them. Between
// deliveries it sleeps until the next one is due, a hint comes, or Poll is over.
type Dispatcher struct {
	store   Store
	sender  *sender
	log     *zap.Logger
	o       Options
	nudges  chan struct{}
	givenUp tally
	mute    tally         // of events that can't be encoded
	ended   chan struct{} // a hint after each delivery: its worker and its place in line are free
}

// New makes a dispatcher that dials through guard. log may be nil.
func New(store Store, guard *Guard, log *zap.Logger, o Options) *Dispatcher {
	o = o.withDefaults()
	if log == nil {
		log = zap.NewNop()
	}
	return &Dispatcher{
		store:  store,
		sender: &sender{client: guard.Client(sendTimeout, 0), userAgent: "wapid/" + o.Version, trace: o.Trace, encode: o.Encode},
		log:    log,
		o:      o,
		nudges: make(chan struct{}, 1),
		ended:  make(chan struct{}, 1),
	}
}

// Nudge hints that deliveries may be due. It never blocks.
func (d *Dispatcher) Nudge() { hint(d.nudges) }

func hint(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends and returns nil when everything that it started
// has stopped. It first hands back what a crash left claimed. Once ctx ends no
// more is claimed; deliveries under way have Options.Grace to end by themselves,
// the rest are cut off and handed back without counting as tried. A failing
// store is logged and tried again every Options.Poll. Run is called once.
func (d *Dispatcher) Run(ctx context.Context) error {
	defer d.sender.client.CloseIdleConnections()
	// Deliveries outlive ctx by the grace period: stopping is not failing.
	sending, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	if d.recoverClaims(ctx) {
		workers := &pool{most: d.o.Workers, all: 4 * d.o.Workers, ended: d.ended}
		d.loop(ctx, sending, workers)
		d.drain(workers, cut)
	}
	return nil
}

// recoverClaims hands back what was being sent when the last process died. It
// is false if ctx ended first.
func (d *Dispatcher) recoverClaims(ctx context.Context) bool {
	for ctx.Err() == nil {
		n, err := d.store.ReleaseAllDeliveries(ctx)
		if err == nil {
			if n > 0 {
				d.log.Info("webhook deliveries were interrupted and will be sent again", zap.Int("count", n))
			}
			return true
		}
		if ctx.Err() == nil {
			d.log.Error("webhook deliveries can't be recovered yet", zap.Error(err))
		}
		d.sleep(ctx, d.o.Poll, nil)
	}
	return false
}

func (d *Dispatcher) loop(ctx, sending context.Context, workers *pool) {
	for ctx.Err() == nil {
		next, err := d.claim(ctx, sending, workers)
		if err != nil {
			if ctx.Err() == nil {
				d.log.Error("webhook deliveries can't be claimed", zap.Error(err))
			}
			// No hint cuts this short: a broken store must not be hammered.
			d.sleep(ctx, d.o.Poll, nil)
			continue
		}
		d.sleep(ctx, rest, nil)
		d.sleep(ctx, next, d.store.Queued())
	}
}

// rest is the least time between two looks at the store. Most of what is queued under
// load goes to endpoints that have all their places taken already, and is found when one of
// those is passed on; a look for each message would mostly find nothing.
const rest = 2 * time.Millisecond

// claim starts all that can be started now and says how long it may be until
// there is more.
func (d *Dispatcher) claim(ctx, sending context.Context, workers *pool) (time.Duration, error) {
	now := d.o.Clock()
	healthy, failing, spare := workers.room()
	if healthy == 0 {
		workers.press()
	}
	// The half of the places that is kept takes first deliveries only, so that
	// endpoints that hang, at several each, leave some for all others.
	if spare > 0 && healthy+failing > 0 {
		err := d.begin(ctx, sending, workers, Room{min(healthy, spare), min(failing, spare), d.o.PerEndpoint, d.o.PerTenant})
		if err != nil {
			return 0, err
		}
		healthy, failing, spare = workers.room()
	}
	if spare == 0 && healthy+failing > 0 {
		if err := d.begin(ctx, sending, workers, Room{healthy, failing, 1, d.o.PerTenant}); err != nil {
			return 0, err
		}
	}
	if workers.stirring() {
		return settle, nil // then there is time to find out
	}
	// What is due now and was not claimed waits for a delivery to end or to
	// settle, which is a hint of its own; only what becomes due later needs the timer.
	next, err := d.store.NextDelivery(ctx, now)
	if err != nil {
		return 0, err
	}
	if next.IsZero() {
		return d.o.Poll, nil
	}
	return max(0, min(next.Sub(d.o.Clock()), d.o.Poll)), nil
}

// begin claims as many deliveries as there is room for and starts them.
func (d *Dispatcher) begin(ctx, sending context.Context, workers *pool, room Room) error {
	claims, err := d.store.ClaimDeliveries(ctx, d.o.Clock(), room)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		d.release(claims...)
		return ctx.Err()
	}
	for _, c := range claims {
		d.start(ctx, sending, workers, c)
	}
	return nil
}

// sleep waits for a hint, but not longer than the given time. Without queued it
// waits for the time or the end of ctx alone.
func (d *Dispatcher) sleep(ctx context.Context, longest time.Duration, queued <-chan struct{}) {
	timer := time.NewTimer(longest)
	defer timer.Stop()
	nudges, ended := d.nudges, d.ended
	if queued == nil {
		nudges, ended = nil, nil
	}
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-queued:
	case <-nudges:
	case <-ended:
	}
}

// drain waits for what is under way and cuts it off after the grace period.
func (d *Dispatcher) drain(workers *pool, cut context.CancelFunc) {
	timer := time.AfterFunc(d.o.Grace, cut)
	defer timer.Stop()
	workers.wait()
}
