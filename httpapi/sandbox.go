package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

// Sandbox asks the controls of a simulated network: with a method, a path with its
// query, and a body of JSON or nil. The error is that it could not be asked at all.
type Sandbox func(ctx context.Context, method, path string, body []byte) (SandboxAnswer, error)

// SandboxAnswer is what the controls say. Above 299 the body is {"error": "…"}.
type SandboxAnswer struct {
	Status      int
	Type        string // Content-Type
	Disposition string // Content-Disposition, of files
	Body        []byte
}

// Bounds of what is asked of the sandbox.
const (
	maxSandboxWait  = 60  // seconds, as for the controls
	maxSandboxLines = 500 // messages of one chat in an answer
)

// sandboxRoutes are the virtual phones of `wapid sandbox`, for the pane beside the
// dashboard's pages. Every key may act for every phone: they belong to nobody.
func (s *Server) sandboxRoutes() []route {
	const phone = "/sandbox/phones/:number"
	look := func(path string, query []string, do func(*fiber.Ctx, store.Principal) error) route {
		return route{method: http.MethodGet, path: path, query: query, sandbox: true, scope: store.ScopeRead, tenant: do}
	}
	act := func(method, path string, query []string, do func(*fiber.Ctx, store.Principal) error) route {
		return route{method: method, path: path, query: query, sandbox: true, scope: store.ScopeManage, tenant: do}
	}
	return []route{
		look("/sandbox/phones", nil, s.sandboxPhones),
		look(phone, nil, s.sandboxPhone),
		look(phone+"/chats", nil, s.sandboxChats),
		look(phone+"/chats/:chat", []string{"limit"}, s.sandboxChat),
		look(phone+"/files/:messageId", nil, s.sandboxFile),
		act(http.MethodPost, phone+"/scan", []string{"wait"}, s.sandboxScan),
		act(http.MethodPost, phone+"/code", []string{"wait"}, s.sandboxCode),
		act(http.MethodPost, phone+"/passkey", nil, s.sandboxPasskey),
		act(http.MethodPost, phone+"/settings", nil, s.sandboxSettings),
		act(http.MethodPost, phone+"/send", nil, s.sandboxSend),
		act(http.MethodPost, phone+"/act", nil, s.sandboxAct),
		act(http.MethodPost, phone+"/read", nil, s.sandboxRead),
		act(http.MethodPost, phone+"/typing", nil, s.sandboxTyping),
		act(http.MethodDelete, phone+"/devices/:device", nil, s.sandboxUnlink),
		act(http.MethodPost, "/sandbox/faults", nil, s.sandboxFault),
		act(http.MethodDelete, "/sandbox/faults/:fault", nil, s.sandboxClearFault),
	}
}

// missing answers for paths that a daemon on the real network does not have.
func missing(*fiber.Ctx) error { return engine.Errorf(engine.CodeNotFound, "there is no such path") }

// phonePath is a path of the controls about the phone that a request names. The
// parts are names of further parameters of the request, or words with a slash.
func phonePath(c *fiber.Ctx, parts ...string) string {
	path := "/phones/" + pathPart(c, "number")
	for _, part := range parts {
		if word, ok := strings.CutPrefix(part, "/"); ok {
			path += "/" + word
			continue
		}
		path += "/" + pathPart(c, part)
	}
	return path
}

// pathPart is a parameter of a request as one part of another path, whatever is in
// it. One that can't be decoded is taken as it stands: nothing has such a name.
func pathPart(c *fiber.Ctx, name string) string {
	text := c.Params(name)
	if plain, err := url.PathUnescape(text); err == nil {
		text = plain
	}
	if strings.Trim(text, ".") == "" {
		text = "-" // the names of directories are cleaned away, escaped or not
	}
	return url.PathEscape(text)
}

// consult asks the controls and hands on what they answer, as JSON. body may be
// nil. It returns CodeInvalid, CodeNotFound, CodeRequestTimeout and CodeConflict
// for what they refuse.
func (s *Server) consult(c *fiber.Ctx, method, path string, body any) error {
	a, err := s.ask(c, method, path, body)
	if err != nil {
		return err
	}
	return answerRaw(c, http.StatusOK, a.Body)
}

func (s *Server) ask(c *fiber.Ctx, method, path string, body any) (SandboxAnswer, error) {
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return SandboxAnswer{}, engine.WrapError(engine.CodeInternal, err, "a request to the sandbox can't be encoded")
		}
	}
	a, err := s.sandbox(c.UserContext(), method, path, raw)
	if err != nil {
		return SandboxAnswer{}, engine.WrapError(engine.CodeInternal, err, "the simulated network does not answer")
	}
	if a.Status != http.StatusOK {
		return SandboxAnswer{}, refusedBySandbox(a)
	}
	return a, nil
}

// refusedBySandbox turns an answer of the controls into one of ours.
func refusedBySandbox(a SandboxAnswer) error {
	var said struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal(a.Body, &said); err != nil || said.Error == "" {
		return engine.Errorf(engine.CodeInternal, "the simulated network answered %d", a.Status)
	}
	codes := map[int]engine.Code{
		http.StatusBadRequest: engine.CodeInvalid, http.StatusNotFound: engine.CodeNotFound,
		http.StatusRequestTimeout: CodeRequestTimeout, http.StatusConflict: engine.CodeConflict,
	}
	code, known := codes[a.Status]
	if !known {
		code = engine.CodeInternal
	}
	return engine.Errorf(code, "%s", said.Error)
}

// sandboxPhones is GET /sandbox/phones.
func (s *Server) sandboxPhones(c *fiber.Ctx, _ store.Principal) error {
	return s.consult(c, http.MethodGet, "/phones", nil)
}

// sandboxPhone is GET /sandbox/phones/{number}.
func (s *Server) sandboxPhone(c *fiber.Ctx, _ store.Principal) error {
	return s.consult(c, http.MethodGet, phonePath(c), nil)
}

// sandboxChats is GET /sandbox/phones/{number}/chats.
func (s *Server) sandboxChats(c *fiber.Ctx, _ store.Principal) error {
	return s.consult(c, http.MethodGet, phonePath(c, "/chats"), nil)
}

// sandboxChat is GET /sandbox/phones/{number}/chats/{chat}.
func (s *Server) sandboxChat(c *fiber.Ctx, _ store.Principal) error {
	limit, err := queryWithin(c, "limit", maxSandboxLines, 1, maxSandboxLines)
	if err != nil {
		return err
	}
	return s.consult(c, http.MethodGet, phonePath(c, "/chats", "chat")+"?limit="+strconv.Itoa(limit), nil)
}

// sandboxFile is GET /sandbox/phones/{number}/files/{messageId}.
func (s *Server) sandboxFile(c *fiber.Ctx, _ store.Principal) error {
	a, err := s.ask(c, http.MethodGet, phonePath(c, "/files", "messageId"), nil)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, a.Type)
	c.Set(fiber.HeaderContentDisposition, a.Disposition)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; sandbox")
	c.Set(fiber.HeaderCacheControl, "private, no-store")
	return c.Send(a.Body)
}

// sandboxUnlink is DELETE /sandbox/phones/{number}/devices/{device}.
func (s *Server) sandboxUnlink(c *fiber.Ctx, _ store.Principal) error {
	return s.consult(c, http.MethodDelete, phonePath(c, "/devices", "device"), nil)
}

// sandboxClearFault is DELETE /sandbox/faults/{fault}.
func (s *Server) sandboxClearFault(c *fiber.Ctx, _ store.Principal) error {
	return s.consult(c, http.MethodDelete, "/faults/"+pathPart(c, "fault"), nil)
}
