package engine

import "context"

// Tracer follows messages through the daemon. Its methods are called by many goroutines
// at once, and only where there is one: an Engine without costs nothing.
type Tracer interface {
	// Step begins a step of a message's way within what ctx is part of, and returns the
	// context of what belongs to the step, and what ends it with the code of its error.
	Step(ctx context.Context, name string, key SessionKey, id MessageID, kind Kind) (context.Context, func(Code))
	// Mark is what is kept with a message so that others go on from here, "" for nothing.
	Mark(ctx context.Context) string
	// Follow continues from what was kept with a message.
	Follow(ctx context.Context, key SessionKey, id MessageID) context.Context
	// Receipt is told of a receipt once it is committed.
	Receipt(ctx context.Context, key SessionKey, r Receipt)
}

// Steps of a message's way.
const (
	StepSend    = "send"             // from the request to the outcome
	StepQueued  = "send from outbox" // from its turn in the outbox to the outcome
	StepNetwork = "network"          // from giving it to the network to the network's answer
)

// step begins a step if anybody follows.
func (e *Engine) step(ctx context.Context, name string, key SessionKey, m Outgoing) (context.Context, func(error)) {
	if e.tracer == nil {
		return ctx, func(error) {}
	}
	ctx, end := e.tracer.Step(ctx, name, key, m.ID, m.Kind)
	return ctx, func(err error) { end(CodeOf(err)) }
}
