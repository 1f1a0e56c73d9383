package cloudapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/engine/enginetest"
)

// linked is a session of an account of its own, ready, and somebody to write to.
func linked(t *testing.T) (m *meta, s *enginetest.Session, a *account, to engine.JID) {
	t.Helper()
	m = newMeta(t)
	a = m.account()
	s, _ = enginetest.Link(t, m.net, a, "a")
	return m, s, a, m.account().Person().Phone
}

// onPost answers the next requests to send with fn, until it is nil.
func (m *meta) onPost(fn func(w http.ResponseWriter, r *http.Request)) {
	m.note(func() {
		m.answer = func(w http.ResponseWriter, r *http.Request) bool {
			if fn == nil || r.Method != http.MethodPost {
				return false
			}
			fn(w, r)
			return true
		}
	})
}

func text(id engine.MessageID, to engine.JID) engine.Outgoing {
	return engine.Outgoing{ID: id, To: to, Kind: engine.KindText, Text: "words"}
}

// TestRefusals: what Meta refuses is told in the words of the domain, names nobody, and
// can be sent again.
func TestRefusals(t *testing.T) {
	m, s, _, to := linked(t)
	for _, c := range []struct {
		status, code int
		header       string // Retry-After
		want         engine.Code
		wait         time.Duration
	}{
		{400, 131026, "", engine.CodeUndeliverable, 0},
		{400, 131047, "", engine.CodeWindowClosed, 0},
		{429, 131056, "", engine.CodeRateLimited, waitForPair},
		{429, 130429, "90", engine.CodeRateLimited, 90 * time.Second},
		{400, 80007, "", engine.CodeRateLimited, waitForLimit},
		{403, 10, "", engine.CodeSendRejected, 0},
		{403, 200, "", engine.CodeSendRejected, 0},
		{400, 100, "", engine.CodeSendRejected, 0},
		{403, 368, "", engine.CodeSendRejected, 0},
		{400, 131051, "", engine.CodeNotSupported, 0},
		{400, 131053, "", engine.CodeMediaInvalid, 0},
		{400, 131021, "", engine.CodeRecipientInvalid, 0},
		{500, 131016, "", engine.CodeSessionNotReady, 0},
		{500, 131000, "", engine.CodeNetworkRefused, 0},
		{400, 999999, "", engine.CodeSendRejected, 0},
	} {
		m.onPost(func(w http.ResponseWriter, _ *http.Request) {
			if c.header != "" {
				w.Header().Set("Retry-After", c.header)
			}
			refuse(w, c.status, c.code, 0)
		})
		id := engine.MessageID(fmt.Sprint("R", c.code))
		_, err := s.Conn.Send(t.Context(), text(id, to))
		e, ok := errors.AsType[*engine.Error](err)
		if !ok || e.Code != c.want || e.RetryAfter != c.wait || !strings.Contains(e.Message, fmt.Sprint(c.code)) {
			t.Errorf("%d: %v (wait %v), want %s", c.code, err, e.RetryAfter, c.want)
		}
		if strings.Contains(err.Error(), "4915100000001") {
			t.Errorf("%d: the error names somebody: %v", c.code, err)
		}
		m.onPost(nil)
		if _, err := s.Conn.Send(t.Context(), text(id, to)); err != nil {
			t.Errorf("%d: sent again: %v", c.code, err)
		}
	}
	if rest := s.Unread(); len(rest) > 0 {
		t.Errorf("the session was told %v", rest)
	}
}

// TestUnknownOutcomes: a message whose answer was lost is given to Meta once, and its
// outcome is known when a status names it.
func TestUnknownOutcomes(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter){
		"no answer":            func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"a broken answer":      func(w http.ResponseWriter) { io.WriteString(w, `{"messages":[{"id":"wam`) },
		"an answer without id": func(w http.ResponseWriter) { io.WriteString(w, `{"messages":[]}`) },
		"a gateway's answer":   func(w http.ResponseWriter) { http.Error(w, "<html>", http.StatusGatewayTimeout) },
	} {
		t.Run(name, func(t *testing.T) {
			m, s, a, to := linked(t)
			m.onPost(func(w http.ResponseWriter, _ *http.Request) { answer(w) })
			m.note(func() { m.bodies = nil })
			for range 3 {
				_, err := s.Conn.Send(t.Context(), text("U", to))
				if e, ok := errors.AsType[*engine.Error](err); !ok || e.Code != engine.CodeSendOutcomeUnknown || e.MessageID != "U" || !errors.Is(err, engine.ErrSentOnce) {
					t.Fatalf("sent with %v", err)
				}
			}
			m.mu.Lock()
			posts := strings.Count(strings.Join(m.bodies, "\n"), "POST ")
			m.mu.Unlock()
			if posts != 1 {
				t.Errorf("Meta was given the message %d times", posts)
			}
			m.post(a, "status", map[string]any{"statuses": []any{map[string]any{"id": "wamid.LATE", "status": "delivered", "timestamp": "1708243200",
				"recipient_id": to.User(), "biz_opaque_callback_data": "U"}}})
			r := s.AwaitReceipt(t, func(r engine.Receipt) bool { return r.IDs[0] == "U" })
			if r.Status != engine.MessageDelivered || r.Chat != to || !r.At.Equal(time.Unix(1708243200, 0)) {
				t.Errorf("delivered as %+v", r)
			}
			if sent, err := s.Conn.Send(t.Context(), text("U", to)); err != nil || parsePayload(sent.Payload).WAMID != "wamid.LATE" {
				t.Errorf("once it is known, sending answers %+v (%v)", sent, err)
			}
		})
	}
}

// TestMetaIsGone: a request that never left is certainly not sent, and the session looks
// for Meta by itself.
func TestMetaIsGone(t *testing.T) {
	m, s, _, to := linked(t)
	m.server.CloseClientConnections()
	m.server.Listener.Close()
	m.server.Client().CloseIdleConnections()
	_, err := s.Conn.Send(t.Context(), text("G", to))
	if code := engine.CodeOf(err); code != engine.CodeSessionNotReady {
		t.Errorf("sending to nobody: %v", err)
	}
	if _, ok := m.store.messages["G"]; ok {
		t.Error("it can't be sent again")
	}
	if drop := enginetest.Await[engine.SignalDropped](t, s); drop.Cause != engine.DropNetwork {
		t.Errorf("dropped as %q", drop.Cause)
	}
	if err := s.Conn.Connect(t.Context()); err == nil {
		t.Error("connected to nobody")
	}
	if trouble := m.net.Trouble(s.Key); trouble == "" || strings.Contains(trouble, "127.0.0.1") {
		t.Errorf("the trouble is %q", trouble)
	}
}

// TestLoginIsRefused: each answer to the question for the number means what it means.
func TestLoginIsRefused(t *testing.T) {
	for _, c := range []struct {
		status, code, subcode int
		refused               bool
		trouble               string
	}{
		{401, 190, 463, true, "access token"},
		{400, 100, 33, true, "phone number id"},
		{403, 10, 0, true, "may not use"},
		{403, 131031, 0, true, "locked"},
		{429, 4, 0, false, "refuses the number (4)"},
		{500, 2, 0, false, "(2)"},
		{503, 0, 0, false, "503"},
	} {
		m := newMeta(t)
		a := m.account()
		s := enginetest.NewSession("a")
		a.Enrol(t, s.Key)
		m.note(func() {
			m.answer = func(w http.ResponseWriter, _ *http.Request) bool {
				if c.code == 0 {
					http.Error(w, "<html>", c.status)
				} else {
					refuse(w, c.status, c.code, c.subcode)
				}
				return true
			}
		})
		var err error
		if s.Conn, err = m.net.Pair(t.Context(), engine.Line{Session: s.Key}, s.Handler()); err != nil {
			t.Fatal(err)
		}
		if err := s.Conn.Connect(t.Context()); (err == nil) != c.refused {
			t.Errorf("%d: connect: %v", c.code, err)
		}
		if told := len(s.Unread()) == 1; told != c.refused {
			t.Errorf("%d: told %v", c.code, s.Unread())
		}
		if trouble := m.net.Trouble(s.Key); !strings.Contains(trouble, c.trouble) {
			t.Errorf("%d: the trouble is %q", c.code, trouble)
		}
		m.note(func() { m.answer = nil })
		if !c.refused {
			s.Connect(t)
			enginetest.Await[engine.SignalReady](t, s)
			if trouble := m.net.Trouble(s.Key); trouble != "" {
				t.Errorf("%d: once it works the trouble is %q", c.code, trouble)
			}
		}
		s.End(t)
	}
}

// TestRevokedTokenFreesTheName: after better credentials the session pairs anew, under
// another device.
func TestRevokedTokenFreesTheName(t *testing.T) {
	m, s, a, to := linked(t)
	before, err := m.store.FindCloudNumber(t.Context(), s.Key)
	if err != nil {
		t.Fatal(err)
	}
	m.note(func() { a.revoked = true })
	if _, err := s.Conn.Send(t.Context(), text("X", to)); engine.CodeOf(err) != engine.CodeSessionNotReady {
		t.Errorf("sending with a revoked token: %v", err)
	}
	if drop := enginetest.Await[engine.SignalDropped](t, s); drop.Cause != engine.DropLoggedOut {
		t.Fatalf("dropped as %q", drop.Cause)
	}
	s.End(t)
	after, err := m.store.FindCloudNumber(t.Context(), s.Key)
	if err != nil || after.Device == before.Device {
		t.Fatalf("the device is still %s (%v)", after.Device, err)
	}
	m.note(func() { a.revoked = false })
	again := enginetest.NewSession("a")
	if again.Conn, err = m.net.Pair(t.Context(), engine.Line{Session: again.Key}, again.Handler()); err != nil {
		t.Fatal(err)
	}
	defer again.End(t)
	again.Connect(t)
	if id := enginetest.Await[engine.SignalPaired](t, again).Identity; id.Device != after.Device {
		t.Errorf("paired as %s, want %s", id.Device, after.Device)
	}
}

// TestBannedAccount: a locked account ends the session until somebody asks.
func TestBannedAccount(t *testing.T) {
	m, s, _, to := linked(t)
	m.onPost(func(w http.ResponseWriter, _ *http.Request) { refuse(w, 403, 131031, 0) })
	if _, err := s.Conn.Send(t.Context(), text("B", to)); engine.CodeOf(err) != engine.CodeSendRejected {
		t.Errorf("sending from a locked account: %v", err)
	}
	if drop := enginetest.Await[engine.SignalDropped](t, s); drop.Cause != engine.DropBanned {
		t.Errorf("dropped as %q", drop.Cause)
	}
}

// TestStoreRefuses: without the store nothing is sent, and nothing taken.
func TestStoreRefuses(t *testing.T) {
	m, s, a, to := linked(t)
	down := engine.Errorf(engine.CodeStorage, "the disk is full")
	set := func(err error) {
		m.store.mu.Lock()
		defer m.store.mu.Unlock()
		m.store.fail = err
	}
	set(down)
	m.note(func() { m.bodies = nil })
	if _, err := s.Conn.Send(t.Context(), text("S", to)); engine.CodeOf(err) != engine.CodeStorage {
		t.Errorf("sent: %v", err)
	}
	m.mu.Lock()
	if posts := strings.Count(strings.Join(m.bodies, "\n"), "POST "); posts != 0 {
		t.Errorf("Meta was asked: %v", m.bodies)
	}
	m.mu.Unlock()
	body := webhookOf(a.id, map[string]any{"messages": []any{map[string]any{"id": "wamid.S", "from": "4915100000009", "type": "text", "text": map[string]any{"body": "x"}}}})
	if err := m.net.Deliver(t.Context(), body, signatureOf(fakeSecret, body)); engine.CodeOf(err) != engine.CodeStorage {
		t.Errorf("taken: %v", err)
	}
	set(nil)
	if err := m.net.Deliver(t.Context(), body, signatureOf(fakeSecret, body)); err != nil {
		t.Errorf("not taken: %v", err)
	}
	s.AwaitMessage(t, "wamid.S")
}

// TestDownloads: a file that Meta has dropped is gone, and one that is another is refused.
func TestDownloads(t *testing.T) {
	m, s, _, _ := linked(t)
	media := s.Conn.(engine.Media)
	m.note(func() { m.files["77"] = []byte("file") })
	for name, c := range map[string]struct {
		payload payload
		want    engine.Code
	}{
		"there":           {payload{Media: "77"}, ""},
		"never told":      {payload{WAMID: "wamid.X"}, engine.CodeMediaGone},
		"dropped":         {payload{Media: "78"}, engine.CodeMediaGone},
		"of another file": {payload{Media: "77", Hash: strings.Repeat("0", 64)}, engine.CodeNetworkRefused},
	} {
		raw, err := c.payload.marshal()
		if err != nil {
			t.Fatal(err)
		}
		file := scratch(t)
		err = media.Download(t.Context(), engine.MessageRef{ID: "wamid.X", Payload: raw}, file)
		if engine.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if got, err := io.ReadAll(file); c.want == "" && (err != nil || string(got) != "file") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestTyping marks what it stands below as read, and needs something to stand below.
func TestTyping(t *testing.T) {
	m, s, _, to := linked(t)
	p := s.Conn.(engine.Presence)
	if err := p.SetTyping(t.Context(), to, engine.TypingText); engine.CodeOf(err) != engine.CodeInvalid {
		t.Errorf("typing to somebody who has not written: %v", err)
	}
	m.store.newest = "wamid.N"
	for _, typing := range []engine.Typing{engine.TypingText, engine.TypingVoice, engine.TypingStop} {
		if err := p.SetTyping(t.Context(), to, typing); err != nil {
			t.Errorf("%s: %v", typing, err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.typing != 2 || !m.read["wamid.N"] {
		t.Errorf("shown %d times, read %v", m.typing, m.read)
	}
}

// TestConnWithoutReach: a proxy can't be had, and damaged credentials are told.
func TestConnWithoutReach(t *testing.T) {
	m := newMeta(t)
	key := engine.SessionKey{Tenant: "t", ID: "s"}
	m.account().Enrol(t, key)
	if _, err := m.net.Pair(context.Background(), engine.Line{Session: key, Proxy: "socks5://x"}, engine.Handler{}); engine.CodeOf(err) != engine.CodeNotSupported {
		t.Errorf("with a proxy: %v", err)
	}
	n, err := m.store.FindCloudNumber(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	n.Unreadable = true
	m.store.put(n)
	if _, err := m.net.Open(context.Background(), engine.Line{Session: key}, n.Device, engine.Handler{}); engine.CodeOf(err) != engine.CodeStorage {
		t.Errorf("with damaged credentials: %v", err)
	}
	if known, err := m.net.Knows(t.Context(), key); err != nil || !known {
		t.Errorf("the session is not known: %v", err)
	}
	if known, err := m.net.Knows(t.Context(), engine.SessionKey{Tenant: "t", ID: "other"}); err != nil || known {
		t.Errorf("another session is known: %v", err)
	}
}
