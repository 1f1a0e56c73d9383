package httpapi

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/netip"

	"go.uber.org/zap"

	"wapid/bulk"
	"wapid/engine"
	official "wapid/engine/cloudapi"
	"wapid/engine/media"
	"wapid/store"
	"wapid/webhooks"
)

// Options of a Server. Engine and Store are required.
type Options struct {
	Engine  *engine.Engine
	Store   *store.Store
	Network engine.NetworkInfo
	Version string // of the daemon, shown by /healthz
	// Guard refuses a webhook's URL as soon as it is set, where the URL names an
	// address that deliveries may not go to. With nil only the delivery finds out.
	Guard   *webhooks.Guard
	Log     *zap.Logger // nil discards
	MaxBody int         // bytes; 0 means DefaultMaxBody
	// Spool holds files on their way. It is required.
	Spool *media.Spool
	// MaxMedia is the largest file that is sent, in bytes, whatever its kind
	// allows; 0 means media.DefaultMax.
	MaxMedia int64
	// Library holds files that were uploaded ahead of the messages that carry them. It is
	// required.
	Library *media.Spool
	// MaxLibrary is how many bytes a tenant's files there may have together; 0 for no
	// limit.
	MaxLibrary int64
	// MaxConns is how many connections may be open at the same time; the next
	// ones wait. 0 means a quarter of the process's descriptors, 8192 at most.
	MaxConns int
	// RateLimit is how many requests a minute each key may make whose tenant has
	// no limit of its own; 0 means DefaultRateLimit.
	RateLimit int
	// HubRate is how many requests an hour each key may make of WhatsApp Hub's API; 0
	// means DefaultHubRate.
	HubRate int
	// ShellKey is a second admin key, for the commands on the daemon's own
	// machine; "" for none.
	ShellKey string
	// Bulk takes the bulk jobs. It is required.
	Bulk *bulk.Service
	// TryProxy reaches for WhatsApp through a proxy; nil where the network has no
	// such way. See whatsapp.Network for its errors.
	TryProxy func(ctx context.Context, proxy string) error
	// Official is Meta's official API as a network of the engine's; nil where sessions
	// can't speak over it.
	Official *official.Network
	// Erase is told that a tenant waits to be erased. It must not block; nil does nothing.
	Erase func()
	// TLS has the server speak TLS; nil for plain HTTP. Its protocols are http/1.1 and,
	// for certificates by ACME, acme-tls/1.
	TLS *tls.Config
	// StrictHosts are the names, in lower case, whose visitors are told to use HTTPS
	// only (HSTS), where TLS is set.
	StrictHosts []string
	// TrustedProxies are the addresses of proxies whose word on a client counts: its
	// address, host and scheme.
	TrustedProxies []netip.Prefix
	// PublicURL is where clients reach the API, for links that strangers follow;
	// with "" it is the host that a request was sent to.
	PublicURL string
	// Vitals tells the operator how the process is; with nil nothing is known of it but
	// its age.
	Vitals func() Vitals
	// SendMail sends a mail, for people who sign up; with nil nobody can. It needs a
	// PublicURL. Its errors must name nobody.
	SendMail func(ctx context.Context, m Mail) error
	// Sandbox reaches the controls of the simulated network that the daemon runs on;
	// nil on every other.
	Sandbox Sandbox
	// Ready is asked by /readyz beside the store: each that fails is one reason,
	// the Message of its engine.Error, against being ready. They are called
	// together, by any number of requests, and must return once their context ends.
	Ready []func(context.Context) error
	// Answered is told of every request that reached a handler or was refused before,
	// by many goroutines at once; it must return at once. Nil for nobody.
	Answered func(Answered)
	// Metrics answers GET /metrics to whoever has the operator's key; nil for no metrics.
	Metrics http.Handler
	// Trace begins a step for a request, which may name the caller's own as a W3C
	// traceparent, and returns its context and what ends it. Nil for nobody.
	Trace func(ctx context.Context, parent string) (context.Context, func(Answered))
	// Levels changes how much the log tells; nil for a log that can't be changed.
	Levels LogLevels
}
