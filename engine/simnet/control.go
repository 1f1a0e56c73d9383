package simnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/types"
)

const (
	// maxControlBody is the largest request; media travels in it as base64.
	maxControlBody = 64 << 20
	// maxControlWait is the longest that a request may wait for something.
	maxControlWait = 5 * time.Minute
)

// badRequest is an error that the caller of the controls made.
type badRequest struct{ error }

func badf(format string, args ...any) error { return badRequest{fmt.Errorf(format, args...)} }

// controlFunc serves one request: its result is written as JSON.
type controlFunc func(r *http.Request) (any, error)

// controlHandler serves the controls over HTTP; docs/simnet.md describes them.
func (s *Server) controlHandler() http.Handler {
	mux := http.NewServeMux()
	routes := map[string]controlFunc{
		"GET /":                                s.controlOverview,
		"GET /phones":                          s.controlPhones,
		"GET /phones/{number}":                 s.controlPhone,
		"GET /phones/{number}/chats":           s.controlChats,
		"GET /phones/{number}/chats/{chat}":    s.controlChat,
		"GET /phones/{number}/files/{id}":      s.controlFetch,
		"POST /phones/{number}/scan":           s.controlScan,
		"POST /phones/{number}/code":           s.controlCode,
		"POST /phones/{number}/passkey":        s.controlPasskey,
		"POST /phones/{number}/send":           s.controlSend,
		"GET /phones/{number}/inbox":           s.controlInbox,
		"GET /phones/{number}/sent":            s.controlSent,
		"POST /phones/{number}/act":            s.controlAct,
		"GET /phones/{number}/votes/{id}":      s.controlVotes,
		"POST /phones/{number}/groups":         s.controlCreateGroup,
		"POST /phones/{number}/join":           s.controlJoinGroup,
		"POST /phones/{number}/groups/{group}": s.controlChangeGroup,
		"GET /phones/{number}/groups/{group}":  s.controlGroupLink,
		"POST /phones/{number}/read":           s.controlRead,
		"POST /phones/{number}/typing":         s.controlTyping,
		"POST /phones/{number}/call":           s.controlCall,
		"POST /phones/{number}/retry":          s.controlRetry,
		"POST /phones/{number}/lose":           s.controlLose,
		"POST /phones/{number}/expire":         s.controlExpire,
		"POST /phones/{number}/settings":       s.controlSettings,
		"DELETE /phones/{number}/devices/{id}": s.controlUnlink,
		"GET /faults":                          s.controlFaults,
		"POST /faults":                         s.controlSetFault,
		"DELETE /faults":                       s.controlClearFaults,
		"DELETE /faults/{id}":                  s.controlClearFault,
		"GET /absent":                          s.controlAbsent,
		"PUT /absent":                          s.controlSetAbsent,
		"GET /ledger":                          s.controlLedger,
		"GET /unhandled":                       s.controlUnhandled,
		"GET /connections":                     s.controlConnections,
		"POST /traffic":                        s.controlTraffic,
		"GET /describe":                        s.controlDescribe,
	}
	for pattern, serve := range routes {
		if pattern == "GET /" {
			pattern = "GET /{$}"
		}
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serveControl(w, r, serve) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeControl(w, http.StatusNotFound, map[string]string{"error": "no such control: " + r.Method + " " + r.URL.Path})
	})
	return mux
}

func (s *Server) serveControl(w http.ResponseWriter, r *http.Request, serve controlFunc) {
	if !fromHere(r) {
		writeControl(w, http.StatusForbidden, map[string]string{"error": "the controls are not for web pages"})
		return
	}
	if !s.tasks.begin() {
		writeControl(w, http.StatusServiceUnavailable, map[string]string{"error": "the network is stopping"})
		return
	}
	defer s.tasks.done()
	r.Body = http.MaxBytesReader(w, r.Body, maxControlBody)
	ctx, cancel := context.WithTimeout(r.Context(), maxControlWait)
	defer cancel()
	body, err := serve(r.WithContext(ctx))
	if err != nil {
		writeControl(w, controlStatus(err), map[string]string{"error": err.Error()})
		return
	}
	if file, ok := body.(controlFile); ok {
		file.write(w)
		return
	}
	writeControl(w, http.StatusOK, body)
}

// fromHere refuses what a web page may have sent: browsers name its origin, and
// the host by which they found the loopback address.
func fromHere(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = strings.Trim(r.Host, "[]") // without a port
	}
	ip := net.ParseIP(host)
	return len(r.Header.Values("Origin")) == 0 && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// controlStatus maps errors to statuses.
func controlStatus(err error) int {
	var bad badRequest
	switch {
	case errors.As(err, &bad), errors.Is(err, errBadQR), errors.Is(err, errBadFault), errors.Is(err, errNotANumber), errors.Is(err, errWrongCode):
		return http.StatusBadRequest
	case errors.Is(err, ErrNoCompanion), errors.Is(err, ErrUnknownMessage), errors.Is(err, ErrUnknownDevice), errors.Is(err, errAbsent), errors.Is(err, ErrNoGroup):
		return http.StatusNotFound
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return http.StatusRequestTimeout
	default:
		return http.StatusConflict
	}
}

func writeControl(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // The caller is gone when this fails.
}

// readControl decodes a body and refuses fields that it doesn't know.
func readControl(r *http.Request, into any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	return decodeOnce(decoder, into)
}

// decodeOnce decodes the one value that a body may hold.
func decodeOnce(decoder *json.Decoder, into any) error {
	if err := decoder.Decode(into); err != nil {
		return badf("body: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return badf("body: something follows the JSON value")
	}
	return nil
}

// controlNumber returns the phone that a path names.
func (s *Server) controlNumber(r *http.Request) (*Phone, error) {
	acct, err := s.directory.number(r.PathValue("number"))
	if err != nil {
		return nil, err
	}
	return s.phoneOf(acct), nil
}

// controlJID reads a number or a JID.
func controlJID(text string) (types.JID, error) {
	if isNumber(text) {
		return types.NewJID(text, types.DefaultUserServer), nil
	}
	jid, err := types.ParseJID(text)
	if err != nil || jid.User == "" {
		return types.EmptyJID, badf("%q is neither a number nor a JID", text)
	}
	return jid, nil
}

// controlWait reads the query parameter wait: seconds up to a limit, 0 when it is
// missing.
func controlWait(r *http.Request, limit time.Duration) (time.Duration, error) {
	text := r.URL.Query().Get("wait")
	if text == "" {
		return 0, nil
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(seconds >= 0 && seconds <= limit.Seconds()) { // NaN is neither
		return 0, badf("wait must be 0 to %.0f seconds", limit.Seconds())
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

func (s *Server) controlOverview(*http.Request) (any, error) {
	return map[string]any{
		"connections": s.Connections(), "unhandled": len(s.Unhandled()),
		"faults": len(s.faults.List()), "description": s.Describe(),
	}, nil
}

func (s *Server) controlDescribe(*http.Request) (any, error) { return s.Describe(), nil }

func (s *Server) controlUnhandled(*http.Request) (any, error) {
	return map[string]any{"unhandled": append([]string{}, s.Unhandled()...)}, nil
}

// controlLedger lists the ledger, of one message with ?id=.
func (s *Server) controlLedger(r *http.Request) (any, error) {
	ledger := s.Ledger()
	if id := r.URL.Query().Get("id"); id != "" {
		ledger = ledger.Message(id)
	}
	return map[string]any{"ledger": append(Ledger{}, ledger...)}, nil
}

func (s *Server) controlAbsent(*http.Request) (any, error) {
	return map[string]any{"absent": s.directory.listAbsent()}, nil
}

func (s *Server) controlSetAbsent(r *http.Request) (any, error) {
	var body struct {
		Absent []string `json:"absent"`
	}
	if err := readControl(r, &body); err != nil {
		return nil, err
	}
	if err := CheckNumbers(body.Absent...); err != nil {
		return nil, err
	}
	s.SetAbsent(body.Absent...)
	return s.controlAbsent(r)
}

// controlFault is a fault in JSON: durations are seconds.
type controlFault struct {
	ID     string    `json:"id,omitempty"`
	Kind   FaultKind `json:"kind"`
	Number string    `json:"number,omitempty"`
	Times  int       `json:"times,omitempty"`
	Code   int       `json:"code,omitempty"`
	Delay  float64   `json:"delay,omitempty"`
	Jitter float64   `json:"jitter,omitempty"`
	Expire float64   `json:"expire,omitempty"`
}

func (s *Server) controlFaults(*http.Request) (any, error) {
	list := []controlFault{}
	for _, f := range s.faults.List() {
		list = append(list, controlFault{
			ID: f.ID, Kind: f.Kind, Number: f.Number, Times: f.Times, Code: f.Code,
			Delay: f.Delay.Seconds(), Jitter: f.Jitter.Seconds(), Expire: f.Expire.Seconds(),
		})
	}
	return map[string]any{"faults": list}, nil
}

func (s *Server) controlSetFault(r *http.Request) (any, error) {
	var body controlFault
	if err := readControl(r, &body); err != nil {
		return nil, err
	}
	seconds := func(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }
	id, err := s.faults.Set(Fault{
		Kind: body.Kind, Number: body.Number, Times: body.Times, Code: body.Code,
		Delay: seconds(body.Delay), Jitter: seconds(body.Jitter), Expire: seconds(body.Expire),
	})
	if err != nil {
		return nil, err
	}
	return map[string]string{"id": id}, nil
}

func (s *Server) controlClearFaults(r *http.Request) (any, error) {
	s.faults.Clear()
	return s.controlFaults(r)
}

func (s *Server) controlClearFault(r *http.Request) (any, error) {
	s.faults.Clear(r.PathValue("id"))
	return s.controlFaults(r)
}
