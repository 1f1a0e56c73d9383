package whatsapp

import (
	"context"
	"net/http"
	"time"

	"wapid/engine"
)

// tryTimeout bounds a trial of a proxy: nobody waits longer for its outcome.
const tryTimeout = 15 * time.Second

// TryProxy asks for WhatsApp's web page through a proxy, over TLS. Any answer will
// do: it came through the proxy, with WhatsApp's certificate. It returns CodeInvalid
// for a URL that names no proxy, and CodeProxyFailed for everything else, in words
// that don't tell what stands at that address, or whether anything does.
func (n *Network) TryProxy(ctx context.Context, proxy string) error {
	way, err := n.throughProxy(proxy)
	if err != nil {
		return err
	}
	clients := newHTTPClients(n.opts.Endpoint, way)
	defer clients.close()
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, "https://web.whatsapp.com/", nil)
	if err != nil {
		return engine.WrapError(engine.CodeInternal, err, "the request can't be made")
	}
	resp, err := clients.media.Transport.RoundTrip(req)
	if err != nil {
		return engine.WrapError(engine.CodeProxyFailed, err, "WhatsApp can't be reached through the proxy")
	}
	return resp.Body.Close()
}
