package httpapi

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"wapid/engine"
)

// dialect is how the clients of a neighbouring system speak: where their keys stand,
// and what they understand as an error. The keys themselves are the tenants' API keys.
// Routes of a dialect take parameters and members that they don't know, as the systems
// that they stand in for do.
type dialect interface {
	// key is the key of a request, "" if it has none.
	key(h *fasthttp.RequestHeader) string
	// failure is the status and the body of an answer that is not a success. err is what
	// went wrong, e the same as it may be shown, and status what our own API would answer.
	failure(err error, e *engine.Error, status int) (int, any)
}

// dialectError is an error in a dialect's own words, as its package makes them. Handlers
// of the dialect return it like any other.
type dialectError interface {
	error
	HTTPStatus() int
	// Answer is the body.
	Answer() any
}

// graphPrefix is where paths of Meta's Graph API lead, with a version or without; see
// graphPath.
const graphPrefix = "/graph"

// dialectOf is the dialect of a path, nil for our own.
func dialectOf(path string) dialect {
	switch {
	case within(path, graphPrefix):
		return graphDialect{}
	case within(path, "/v1"), within(path, "/api/v2/partners"):
		return onpremDialect{}
	case within(path, "/api/v1"):
		return hubDialect{}
	}
	return nil
}

func within(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// keyOf is the key of a request, wherever the clients of its path put it.
func keyOf(h *fasthttp.RequestHeader) string {
	path, _, _ := bytes.Cut(h.RequestURI(), []byte("?"))
	if d := dialectOf(string(path)); d != nil {
		return d.key(h)
	}
	return tenantKey(h)
}

// queryOfHead reads a parameter of a request whose body is not read yet; "" if it is
// not there.
func queryOfHead(h *fasthttp.RequestHeader, name string) string {
	_, query, found := bytes.Cut(h.RequestURI(), []byte("?"))
	if !found {
		return ""
	}
	var args fasthttp.Args
	args.ParseBytes(query)
	return string(args.Peek(name))
}

// graphPath is where a path of Meta's Graph API is served: /v23.0/X, /graph/v23.0/X and
// /X, if X begins with an object's id, as /graph/X. Every other path is its own.
func graphPath(path []byte) []byte {
	rest, ok := bytes.CutPrefix(path, []byte("/"))
	if !ok {
		return path
	}
	rest = bytes.TrimPrefix(rest, []byte("/")) // of a base URL that ends in one
	rest = bytes.TrimPrefix(rest, []byte(graphPrefix[1:]+"/"))
	first, _, _ := bytes.Cut(rest, []byte("/"))
	switch {
	case isGraphVersion(first):
		return append([]byte(graphPrefix), rest[len(first):]...)
	case isGraphID(first):
		return append([]byte(graphPrefix+"/"), rest...)
	}
	return path
}

// isGraphVersion knows v23.0, and not the v1 of other systems.
func isGraphVersion(part []byte) bool {
	digits, ok := bytes.CutPrefix(part, []byte("v"))
	major, minor, two := bytes.Cut(digits, []byte("."))
	return ok && two && allDigits(major) && allDigits(minor)
}

// shortestGraphID is how many digits an id in a path without a version has at least.
const shortestGraphID = 5

func isGraphID(part []byte) bool { return len(part) >= shortestGraphID && allDigits(part) }

func allDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// translatePath has a request of Meta's Graph API served where its routes are. It is
// called before anything else looks at the path.
func translatePath(h *fasthttp.RequestHeader) {
	uri := h.RequestURI()
	if scheme, rest, absolute := bytes.Cut(uri, []byte("://")); absolute && len(scheme) > 0 && scheme[0] != '/' {
		if i := bytes.IndexByte(rest, '/'); i >= 0 {
			uri = rest[i:] // as requests to proxies have it; the host is told in its header too
		}
	}
	path, query, parameters := bytes.Cut(uri, []byte("?"))
	to := graphPath(path)
	if bytes.Equal(to, path) {
		return
	}
	if parameters {
		to = append(append(to, '?'), query...)
	}
	h.SetRequestURIBytes(to)
}

// looseBody is the body of a request in a dialect: a JSON object whose members the
// dialect's own decoder picks. It returns CodeUnsupportedMedia, and CodeInvalid for what is no JSON object or holds text that
// can't be stored and sent as given.
func looseBody(c *fiber.Ctx) ([]byte, error) {
	if err := checkMedia(c.Get(fiber.HeaderContentType), c.Get(fiber.HeaderContentEncoding)); err != nil {
		return nil, err
	}
	return looseJSON(c.BodyRaw())
}

// looseJSON is looseBody for what is known to be meant as JSON.
func looseJSON(body []byte) ([]byte, error) {
	body = bytes.Trim(body, " \t\r\n")
	switch {
	case len(body) == 0:
		return nil, engine.Errorf(engine.CodeInvalid, "the body is empty, it must be a JSON object")
	case !utf8.Valid(body):
		return nil, engine.Errorf(engine.CodeInvalid, "the body is not valid UTF-8")
	case !json.Valid(body):
		return nil, syntaxError(json.Unmarshal(body, new(json.RawMessage)))
	case body[0] != '{':
		return nil, engine.Errorf(engine.CodeInvalid, "the body must be a JSON object")
	}
	if err := checkEscapes(body); err != nil {
		return nil, err
	}
	return body, checkDepth(body)
}

// checkDepth refuses JSON that is nested deeper than anything that we take.
func checkDepth(body []byte) error {
	depth := 0
	for dec := json.NewDecoder(bytes.NewReader(body)); ; {
		token, err := dec.Token()
		if err != nil {
			return nil // its end: the syntax was checked
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth > maxDepth {
				return engine.Errorf(engine.CodeInvalid, "the body is nested deeper than %d levels", maxDepth)
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}
