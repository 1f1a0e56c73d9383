package httpapi

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wapid/engine"
	"wapid/httpapi/realtime"
	"wapid/store"
)

// dialRealtime opens Whatomate's WebSocket.
func (d *daemon) dialRealtime(key, query string) *socket {
	d.t.Helper()
	header := http.Header{}
	if key != "" {
		header.Set("X-API-Key", key)
	}
	conn, _, err := websocket.Dial(d.t.Context(), d.url+"/ws"+query, &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = conn.CloseNow() })
	return &socket{t: d.t, conn: conn}
}

// realtimeFrame is one of either dialect.
type realtimeFrame struct {
	Type    string
	Payload struct {
		ID          string
		MessageID   string `json:"message_id"`
		ContactID   string `json:"contact_id"`
		Direction   string
		Type        string
		MessageType string `json:"message_type"`
		Content     struct{ Text, Body string }
		Status      string
		SessionID   string `json:"session_id"`
	}
	EventID string `json:"event_id"`
	raw     string
}

func (k *socket) frame() (f realtimeFrame) {
	k.t.Helper()
	text, err := k.read()
	if err == nil {
		err = json.Unmarshal([]byte(text), &f)
	}
	if err != nil {
		k.t.Fatalf("%s, %v", text, err)
	}
	f.raw = text
	return f
}

// logMessage logs that somebody has written.
func (d *daemon) logMessage(tenant engine.TenantID, session engine.SessionID, id engine.MessageID, body string) {
	d.t.Helper()
	data, err := engine.Canonical(engine.MessageData{ID: id, From: "919876543211@s.whatsapp.net", Body: body, Type: engine.KindText,
		Chat: "919876543211@s.whatsapp.net", Timestamp: 1708243200})
	if err != nil {
		d.t.Fatal(err)
	}
	d.logEvent(engine.Event{Session: engine.SessionKey{Tenant: tenant, ID: session}, Type: engine.EventMessage, Data: data})
}

func TestRealtimeTellsBothDirections(t *testing.T) {
	d := start(t)
	d.link("main")
	plain, actual := d.dialRealtime(d.key, ""), d.dialRealtime(d.key, "?dialect=whatomate")
	d.awaitStreams(2)
	d.logMessage("other", "main", "3EB0ZZ", "not theirs")
	d.logMessage(store.DefaultTenant, "main", "3EB0AA", "Hello!")
	key := engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}
	got := plain.frame()
	if p := got.Payload; got.Type != "message:new" || p.ID != realtime.MessageID(key, "3EB0AA") || p.Direction != "incoming" || p.Type != "text" || p.Content.Text != "Hello!" {
		t.Errorf("the message is %s", got.raw)
	}
	if f := actual.frame(); f.Type != "new_message" || f.Payload.Content.Body != "Hello!" || f.Payload.ID != got.Payload.ID || f.Payload.MessageType != "text" || f.EventID != got.EventID {
		t.Errorf("in the other dialect it is %s", f.raw)
	}
	contact := got.Payload.ContactID

	r := d.post("/api/whatsapp/session/main/send", `{"to":"919876543211","message":"On its way"}`)
	d.wants(r, http.StatusOK, "")
	var sent struct{ MessageID engine.MessageID }
	if err := json.Unmarshal([]byte(r.body), &sent); err != nil {
		t.Fatal(err)
	}
	own := plain.frame()
	if p := own.Payload; own.Type != "message:new" || p.Direction != "outgoing" || p.Content.Text != "On its way" || p.ID != realtime.MessageID(key, sent.MessageID) || p.ContactID != contact {
		t.Errorf("the answer is %s, to the contact %s", own.raw, contact)
	}
	if f := plain.frame(); f.Type != "message:status" || f.Payload.Status != "sent" || f.Payload.MessageID != own.Payload.ID || f.EventID != own.EventID {
		t.Errorf("its status is %s", f.raw)
	}
	if f := actual.frame(); f.Type != "new_message" || f.Payload.Direction != "outgoing" || f.Payload.Status != "pending" {
		t.Errorf("in the other dialect it is %s", f.raw)
	}
	if f := actual.frame(); f.Type != "status_update" || f.Payload.Status != "sent" || f.Payload.MessageID != own.Payload.ID {
		t.Errorf("in the other dialect its status is %s", f.raw)
	}
	if err := d.store.AdvanceMessages(t.Context(), key, engine.Receipt{IDs: []engine.MessageID{sent.MessageID}, Chat: "919876543211@s.whatsapp.net",
		By: engine.Person{Phone: "919876543211@s.whatsapp.net"}, Status: engine.MessageRead, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if f := plain.frame(); f.Type != "message:status" || f.Payload.Status != "read" {
		t.Errorf("then comes %s", f.raw)
	}
	// Whoever comes back gets what came after the event, and nothing twice.
	again := d.dialRealtime(d.key, "?since="+got.EventID)
	for _, want := range []string{"message:new", "message:status", "message:status"} {
		if f := again.frame(); f.Type != want || f.Payload.ID == got.Payload.ID {
			t.Errorf("after %s comes %s", got.EventID, f.raw)
		}
	}
}

func TestRealtimeTellsContacts(t *testing.T) {
	d := start(t)
	k := d.dialRealtime(d.key, "?since="+string(store.FirstEvent))
	for _, action := range []string{engine.ContactNew, engine.ContactUpdated} {
		data, err := engine.Canonical(engine.ContactData{ID: "8c9f5d8e-6b5e-5c3a-9d8e-000000000001", Action: action, Phone: "919876543211", At: 1708243200000})
		if err != nil {
			t.Fatal(err)
		}
		d.logEvent(engine.Event{Session: engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}, Type: engine.EventContact, Data: data})
	}
	for _, want := range []string{"contact:new", "contact:updated"} {
		if f := k.frame(); f.Type != want || f.Payload.ID != "8c9f5d8e-6b5e-5c3a-9d8e-000000000001" {
			t.Errorf("%s is %s", want, f.raw)
		}
	}
}

// A ticket in the URL opens one socket; a key that is limited to sessions is told of
// these alone, and the log of the server has neither.
func TestRealtimeIsOpenedByTickets(t *testing.T) {
	d := start(t)
	ticket := func(key string) string {
		r := d.do(call{method: http.MethodPost, path: "/api/whatsapp/events/ticket", key: key})
		d.wants(r, http.StatusOK, "")
		var one struct{ Ticket string }
		if err := json.Unmarshal([]byte(r.body), &one); err != nil {
			t.Fatal(err)
		}
		return one.Ticket
	}
	used := ticket(d.keyFor(store.ScopeRead, []engine.SessionID{"shop"}))
	k := d.dialRealtime("", "?token="+used)
	d.awaitStreams(1)
	second := d.dialRealtime("", "?token="+ticket(d.key)) // several at once
	d.awaitStreams(2)
	d.logMessage(store.DefaultTenant, "main", "3EB0AA", "to main")
	d.logMessage(store.DefaultTenant, "shop", "3EB0AA", "to the shop")
	if f := k.frame(); f.Payload.Content.Text != "to the shop" || f.Payload.SessionID != "shop" {
		t.Errorf("a key of one session is told %s", f.raw)
	}
	if a, b := second.frame(), second.frame(); a.Payload.ID == b.Payload.ID {
		t.Errorf("messages of two sessions have one id: %s %s", a.raw, b.raw)
	}
	for query, status := range map[string]int{
		"?token=" + used: http.StatusUnauthorized, "?token=x": http.StatusUnauthorized, "?token=": http.StatusUnauthorized, "": http.StatusUnauthorized,
		"?ticket=" + ticket(d.key): http.StatusUnauthorized, "?token=" + ticket(d.key) + "&since=x": http.StatusBadRequest,
		"?token=" + ticket(d.key) + "&dialect=x": http.StatusBadRequest,
	} {
		conn, res, err := websocket.Dial(t.Context(), d.url+"/ws"+query, nil)
		if err == nil {
			_ = conn.CloseNow()
		}
		if res == nil || res.StatusCode != status {
			t.Errorf("%s: %v, %v", query, res, err)
		}
	}
	for _, entry := range d.log.All() {
		if text, err := json.Marshal(entry.ContextMap()); err != nil || strings.Contains(string(text)+entry.Message, used) {
			t.Errorf("the log has the token: %s %s, %v", entry.Message, text, err)
		}
	}
}

func TestRealtimeListens(t *testing.T) {
	d := start(t)
	k := d.dialRealtime(d.key, "")
	say := func(text string) {
		t.Helper()
		if err := k.conn.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	say(`{"type":"set_contact","payload":{"contact_id":"8c9f5d8e-6b5e-5c3a-9d8e-000000000001"}}`)
	say(`none`)
	say(`{"type":"ping"}`)
	if text, err := k.read(); err != nil || text != `{"type":"pong","payload":null}` {
		t.Errorf("a ping is answered %s, %v", text, err)
	}
	for range mostSaid {
		// It may be over before all of it is said.
		if k.conn.Write(t.Context(), websocket.MessageText, []byte(`{"type":"none"}`)) != nil {
			break
		}
	}
	k.wantEnd(websocket.StatusPolicyViolation, "too many messages")
}

// The server pings as often as Whatomate's, and drops who does not answer.
func TestRealtimeIsHeldByPings(t *testing.T) {
	if every := time.Duration(float64(heartbeat) * realtimeBeats); every != 54*time.Second {
		t.Errorf("pings come every %v", every)
	}
	d := start(t, quick, func(d *daemon) { d.server.streams.take = 400 * time.Millisecond })
	k := d.dialRealtime(d.key, "")
	got := make(chan realtimeFrame, 1)
	go func() { got <- k.frame() }()    // a client that reads answers pings
	silent := d.dialRealtime(d.key, "") // and one that does not read answers none
	d.awaitStreams(2)
	d.awaitStreams(1)
	silent.drop()
	d.logMessage(store.DefaultTenant, "main", "3EB0AA", "still there?")
	if f := <-got; f.Payload.Content.Text != "still there?" {
		t.Errorf("it got %s", f.raw)
	}
}
