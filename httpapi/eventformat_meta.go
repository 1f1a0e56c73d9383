package httpapi

import (
	"context"

	"wapid/engine"
	"wapid/webhooks"
)

// meta is an event as Meta's platform tells it.
func (f *EventFormats) meta(ctx context.Context, v engine.Event) (webhooks.Post, error) {
	return webhooks.Post{Nothing: true}, nil
}
