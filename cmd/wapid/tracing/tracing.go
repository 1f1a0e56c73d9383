// Package tracing follows requests through the daemon with OpenTelemetry: from the API
// over the queue or the bulk job to the network, its receipts and the webhook. What has
// to outlive a step is kept with the message or the job in the database. No span tells
// a tenant, a session, a number or a text.
package tracing

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"wapid/bulk"
	"wapid/engine"
	"wapid/httpapi"
)

// Limits of what waits for the collector. What is more is dropped.
const (
	maxWaiting  = 2048
	exportTime  = 5 * time.Second // for one post to the collector
	lookupTime  = time.Second     // for finding what was kept
	defaultPath = "/v1/traces"
)

// Kept remembers traces across steps and restarts.
type Kept interface {
	KeepTrace(ctx context.Context, key engine.SessionKey, id, parent string) error
	FindTrace(ctx context.Context, key engine.SessionKey, id string) (parent string, err error)
}

// Tracer sends spans to a collector. Its owner closes it when nothing is followed any more.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	kept     Kept
	w3c      propagation.TraceContext
}

var _ engine.Tracer = (*Tracer)(nil)

// Open makes a tracer that sends to an OTLP/HTTP endpoint. ratio is the share of traces
// that begin here and are recorded; for others their callers have decided.
func Open(ctx context.Context, endpoint string, ratio float64, version string, kept Kept) (*Tracer, error) {
	at, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	if at.Path == "" || at.Path == "/" {
		at.Path = defaultPath
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(at.String()), otlptracehttp.WithTimeout(exportTime),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: false}))
	if err != nil {
		return nil, err
	}
	who := resource.NewSchemaless(attribute.String("service.name", "wapid"), attribute.String("service.version", version))
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter, sdktrace.WithMaxQueueSize(maxWaiting), sdktrace.WithExportTimeout(exportTime)),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(ratio))), sdktrace.WithResource(who))
	return &Tracer{provider: provider, tracer: provider.Tracer("wapid"), kept: kept}, nil
}

// Close sends what waits, for so long at most.
func (t *Tracer) Close(within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return t.provider.Shutdown(ctx)
}

// Step implements engine.Tracer.
func (t *Tracer) Step(ctx context.Context, name string, _ engine.SessionKey, id engine.MessageID, kind engine.Kind) (context.Context, func(engine.Code)) {
	ctx, span := t.tracer.Start(ctx, name, trace.WithAttributes(attribute.String("wapid.kind", string(kind))))
	if id != "" {
		span.SetAttributes(attribute.String("wapid.message_id", string(id)))
	}
	return ctx, func(code engine.Code) {
		if code != "" {
			span.SetStatus(codes.Error, string(code))
		}
		span.End()
	}
}

// Mark implements engine.Tracer.
func (t *Tracer) Mark(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	t.w3c.Inject(ctx, carrier)
	return carrier["traceparent"]
}

func (t *Tracer) continued(ctx context.Context, parent string) context.Context {
	if parent == "" {
		return ctx
	}
	return t.w3c.Extract(ctx, propagation.MapCarrier{"traceparent": parent})
}

// found continues from what was kept, if anything was, or can be read.
func (t *Tracer) found(ctx context.Context, key engine.SessionKey, id string) (context.Context, bool) {
	looking, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	parent, err := t.kept.FindTrace(looking, key, id)
	if err != nil || parent == "" {
		return ctx, false
	}
	return t.continued(ctx, parent), true
}

// Follow implements engine.Tracer.
func (t *Tracer) Follow(ctx context.Context, key engine.SessionKey, id engine.MessageID) context.Context {
	ctx, _ = t.found(ctx, key, string(id))
	return ctx
}

// Receipt implements engine.Tracer: a moment in the trace of each message that has one.
func (t *Tracer) Receipt(ctx context.Context, key engine.SessionKey, r engine.Receipt) {
	for _, id := range r.IDs {
		if ctx, ok := t.found(ctx, key, string(id)); ok {
			_, span := t.tracer.Start(ctx, "receipt", trace.WithSpanKind(trace.SpanKindConsumer),
				trace.WithAttributes(attribute.String("wapid.message_id", string(id)), attribute.String("wapid.status", string(r.Status))))
			span.End()
		}
	}
}

// Request begins a request to the API, within its caller's trace if it names one.
func (t *Tracer) Request(ctx context.Context, parent string) (context.Context, func(httpapi.Answered)) {
	ctx, span := t.tracer.Start(t.continued(ctx, parent), "request", trace.WithSpanKind(trace.SpanKindServer))
	return ctx, func(a httpapi.Answered) {
		span.SetName(a.Method + " " + a.Route)
		span.SetAttributes(attribute.String("http.route", a.Route), attribute.String("http.request.method", a.Method),
			attribute.Int("http.response.status_code", a.Status))
		if a.Status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, http.StatusText(a.Status))
		}
		span.End()
	}
}

// Deliver begins a try at a delivery: of an event about a message that is followed,
// within its trace; of any other, one of its own.
func (t *Tracer) Deliver(ctx context.Context, e engine.Event) (context.Context, string, func(status int)) {
	if e.Type == engine.EventMessageStatus {
		var about engine.MessageStatusData
		if json.Unmarshal(e.Data, &about) == nil && about.ID != "" {
			ctx, _ = t.found(ctx, e.Session, string(about.ID))
		}
	}
	ctx, span := t.tracer.Start(ctx, "webhook", trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("wapid.event", string(e.Type)), attribute.String("wapid.event_id", string(e.ID))))
	return ctx, t.Mark(ctx), func(status int) {
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		if status/100 != 2 {
			span.SetStatus(codes.Error, "not taken")
		}
		span.End()
	}
}

// Job gives what is sent for a bulk job the trace of its request.
func (t *Tracer) Job(ctx context.Context, tenant engine.TenantID, id bulk.JobID) context.Context {
	ctx, _ = t.found(ctx, engine.SessionKey{Tenant: tenant}, string(id))
	return ctx
}

// Jobs is a store of bulk jobs that keeps the trace of the request that has made each.
func (t *Tracer) Jobs(s bulk.Store) bulk.Store { return jobs{s, t} }

type jobs struct {
	bulk.Store
	tracer *Tracer
}

// InsertJob implements bulk.Store. The trace is there before the job: its first items
// may be sent at once. That it can't be kept is no reason to refuse the job.
func (j jobs) InsertJob(ctx context.Context, job bulk.Job, items []bulk.Item, claim *engine.Claim) (bulk.Job, bool, error) {
	if parent := j.tracer.Mark(ctx); parent != "" {
		_ = j.tracer.kept.KeepTrace(ctx, engine.SessionKey{Tenant: job.Session.Tenant}, string(job.ID), parent)
	}
	return j.Store.InsertJob(ctx, job, items, claim)
}
