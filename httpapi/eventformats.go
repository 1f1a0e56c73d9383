package httpapi

import (
	"context"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

// EventFormats makes the bodies of webhooks whose receivers expect another system's: it
// reads what those need to say and an event does not hold, such as ids, and leaves the
// words to the encoder of each system. It is safe for concurrent use.
type EventFormats struct{ store *store.Store }

// NewEventFormats makes the encoders of a store's events.
func NewEventFormats(s *store.Store) *EventFormats { return &EventFormats{s} }

// Encode is for webhooks.Options. The same event is the same bytes each time. Its errors
// are *engine.Error; none holds what the event tells.
func (f *EventFormats) Encode(ctx context.Context, e webhooks.Endpoint, v engine.Event) (webhooks.Post, error) {
	switch e.Format {
	case webhooks.FormatMeta:
		return f.meta(ctx, v)
	case webhooks.FormatHub:
		return f.hub(ctx, v)
	case webhooks.FormatOnPrem:
		return f.onprem(ctx, v)
	}
	return webhooks.Post{}, engine.Errorf(engine.CodeInternal, "there is no encoder of the format %s", e.Format)
}
