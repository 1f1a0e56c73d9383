package main

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"wapid/bulk"
	"wapid/cmd/wapid/tracing"
	"wapid/engine"
	"wapid/httpapi"
)

// seams are where services let themselves be followed. All but jobs are nil where
// nobody follows.
type seams struct {
	engine  engine.Tracer
	request func(context.Context, string) (context.Context, func(httpapi.Answered))
	job     func(context.Context, engine.TenantID, bulk.JobID) context.Context
	deliver func(context.Context, engine.Event) (context.Context, string, func(int))
	jobs    bulk.Store
}

// openTraces has the services followed, if settings name a collector. What waits for the
// collector is sent when the app closes, in a share of the time.
func (a *app) openTraces(c appConfig) (seams, error) {
	none := seams{jobs: a.store}
	if c.OTLPEndpoint == "" {
		return none, nil
	}
	t, err := tracing.Open(context.Background(), c.OTLPEndpoint, c.TraceRatio, version, a.store)
	if err != nil {
		return none, fmt.Errorf("--otlp-endpoint: %w", err)
	}
	a.closers = append(a.closers, func() error {
		if err := t.Close(a.shares.traces); err != nil {
			a.log.Warn("the last traces were not taken by their collector", zap.Error(err))
		}
		return nil
	})
	return seams{engine: t, request: t.Request, job: t.Job, deliver: t.Deliver, jobs: t.Jobs(a.store)}, nil
}
