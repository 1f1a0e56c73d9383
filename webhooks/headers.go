package webhooks

import (
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"

	"wapid/engine"
)

// Limits of the headers that a tenant has sent along.
const (
	MaxHeaders     = 20
	MaxHeaderBytes = 8 << 10 // names and values together
)

// CheckHeaders checks headers that deliveries are to carry beside their own:
// names that are tokens, each once whatever its case, values that HTTP can carry,
// and none that decides how the request is sent or that a receiver trusts as
// ours. It returns CodeInvalid. Values are secrets: no error holds one.
func CheckHeaders(headers map[string]string) error {
	if len(headers) > MaxHeaders {
		return engine.Errorf(engine.CodeInvalid, "headers must not hold more than %d headers", MaxHeaders)
	}
	size, seen := 0, make(map[string]bool, len(headers))
	for name, value := range headers {
		size += len(name) + len(value)
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			return engine.Errorf(engine.CodeInvalid, "headers holds a name that is not one of HTTP")
		case seen[canonical]:
			return engine.Errorf(engine.CodeInvalid, "headers holds %.64s twice", canonical)
		case isReserved(canonical):
			return engine.Errorf(engine.CodeInvalid, "headers must not hold %.64s", canonical)
		case !httpguts.ValidHeaderFieldValue(value) || strings.TrimSpace(value) != value:
			return engine.Errorf(engine.CodeInvalid, "the value of headers.%.64s can't be sent: no line breaks, control characters, or spaces around it", canonical)
		}
		seen[canonical] = true
	}
	if size > MaxHeaderBytes {
		return engine.Errorf(engine.CodeInvalid, "headers must not hold more than %d bytes", MaxHeaderBytes)
	}
	return nil
}

// isReserved tells whether a header is not a tenant's to choose.
func isReserved(canonical string) bool {
	switch canonical {
	case "Host", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "Connection", "Proxy-Connection",
		"Keep-Alive", "Te", "Trailer", "Upgrade", "Expect", "Http2-Settings", "Accept-Encoding", HeaderRawSignature, HeaderHubSignature, "X-Hub-Signature":
		return true
	}
	return strings.HasPrefix(canonical, "Webhook-") || strings.HasPrefix(canonical, "Proxy-") || strings.HasPrefix(canonical, ":")
}
