package cloudapi

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"wapid/engine"
	"wapid/engine/enginetest"
)

const fakeSecret = "0123456789abcdef0123456789abcdef"

// meta stands in for Meta: the Graph API on a socket, and accounts whose phones write to
// numbers of it by webhooks. It checks what it is given as Meta would.
type meta struct {
	t      *testing.T
	server *httptest.Server
	store  *memory
	net    *Network

	mu       sync.Mutex
	changed  chan struct{}
	count    int
	accounts map[string]*account // by digits
	files    map[string][]byte
	shown    map[engine.MessageID]enginetest.Shown // by biz_opaque_callback_data
	copies   map[engine.MessageID]int
	read     map[string]bool // wamids
	acked    map[string]bool // wamids
	typing   int
	bodies   []string
	// answer takes the next requests in the place of the API, until it returns false.
	answer func(w http.ResponseWriter, r *http.Request) bool
	posts  sync.WaitGroup
	stop   chan struct{}
}

func newMeta(t *testing.T) *meta {
	m := &meta{t: t, store: newMemory(), changed: make(chan struct{}), accounts: map[string]*account{}, files: map[string][]byte{},
		shown: map[engine.MessageID]enginetest.Shown{}, copies: map[engine.MessageID]int{}, read: map[string]bool{}, acked: map[string]bool{}, stop: make(chan struct{})}
	m.server = httptest.NewServer(m)
	client := m.server.Client()
	m.net = New(Options{Store: m.store, Calls: client, Files: client, Probe: 20 * time.Millisecond})
	t.Cleanup(func() {
		close(m.stop)
		m.posts.Wait()
		m.server.Close()
	})
	return m
}

// note changes something under the lock, and wakes who waits.
func (m *meta) note(fn func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fn()
	close(m.changed)
	m.changed = make(chan struct{})
}

// await waits until done holds, which is called under the lock.
func (m *meta) await(ctx context.Context, done func() bool) error {
	for {
		m.mu.Lock()
		ok, changed := done(), m.changed
		m.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// number makes ids in the manner of Meta's.
func (m *meta) number() int { m.count++; return 100000000000000 + m.count }

// account is a person's phone, and perhaps a number of the Cloud API.
type account struct {
	meta    *meta
	digits  string
	id      string // phone_number_id
	token   string
	revoked bool
	cut     bool
}

func (m *meta) account() *account {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.number()
	a := &account{meta: m, digits: fmt.Sprint(4915100000000 + m.count), id: fmt.Sprint(n), token: "EAA" + fmt.Sprint(n)}
	m.accounts[a.digits] = a
	return a
}

func (a *account) Person() engine.Person {
	return engine.Person{Phone: engine.JID(a.digits + "@" + engine.ServerPhone)}
}

func (a *account) Enrol(_ *testing.T, key engine.SessionKey) {
	a.meta.store.put(Number{Session: key, Device: NewDevice(), PhoneNumberID: a.id, BaseURL: a.meta.server.URL + "/v23.0",
		AccessToken: a.token, AppSecret: fakeSecret, VerifyHash: HashVerifyToken("verify " + a.id)})
}

func (a *account) Scan(context.Context, string) error            { return fmt.Errorf("there is nothing to scan") }
func (a *account) Settle(context.Context, engine.DeviceID) error { return nil }
func (a *account) Cut(*testing.T)                                { a.meta.note(func() { a.cut = true }) }
func (a *account) Acknowledged(_ engine.DeviceID, id engine.MessageID) bool {
	a.meta.mu.Lock()
	defer a.meta.mu.Unlock()
	return a.meta.acked[string(id)]
}

func (a *account) Unlink(ctx context.Context, device engine.DeviceID) error {
	if _, err := a.meta.store.FindCloudDevice(ctx, device); err != nil {
		return err
	}
	a.meta.note(func() { a.revoked = true })
	return nil
}

func (a *account) SendText(_ context.Context, to engine.JID, text string) (engine.MessageID, error) {
	return a.write(to, map[string]any{"type": "text", "text": map[string]any{"body": text}})
}

func (a *account) SendFile(_ context.Context, to engine.JID, data []byte) (engine.MessageID, error) {
	var id string
	a.meta.note(func() { id = fmt.Sprint(a.meta.number()); a.meta.files[id] = data })
	sum := sha256.Sum256(data)
	return a.write(to, map[string]any{"type": "image", "image": map[string]any{"id": id, "mime_type": "image/jpeg", "sha256": hex.EncodeToString(sum[:])}})
}

// write tells the owner of a number of a message, again and again until it is taken.
func (a *account) write(to engine.JID, message map[string]any) (engine.MessageID, error) {
	m := a.meta
	m.mu.Lock()
	owner, wamid := m.accounts[to.User()], fmt.Sprintf("wamid.IN%d", m.number())
	m.mu.Unlock()
	if owner == nil {
		return "", fmt.Errorf("nobody has %s", to)
	}
	message["id"], message["from"], message["timestamp"] = wamid, a.digits, fmt.Sprint(time.Now().Unix())
	m.post(owner, wamid, map[string]any{"contacts": []any{map[string]any{"wa_id": a.digits, "profile": map[string]any{"name": "Ana"}}}, "messages": []any{message}})
	return engine.MessageID(wamid), nil
}

// post sends a webhook about a number until it is taken.
func (m *meta) post(owner *account, id string, value map[string]any) {
	body := webhookOf(owner.id, value)
	m.posts.Go(func() {
		for {
			if m.net.Deliver(context.Background(), body, signatureOf(fakeSecret, body)) == nil {
				m.note(func() { m.acked[id] = true })
				return
			}
			select {
			case <-time.After(5 * time.Millisecond):
			case <-m.stop:
				return
			}
		}
	})
}

func webhookOf(phoneNumberID string, value map[string]any) []byte {
	value["messaging_product"] = "whatsapp"
	value["metadata"] = map[string]any{"phone_number_id": phoneNumberID, "display_phone_number": "x"}
	raw, err := json.Marshal(map[string]any{"object": "whatsapp_business_account", "entry": []any{map[string]any{"id": "1", "changes": []any{map[string]any{"field": "messages", "value": value}}}}})
	if err != nil {
		panic(err)
	}
	return raw
}

func signatureOf(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func (a *account) AwaitText(ctx context.Context, id engine.MessageID) (text string, copies int, err error) {
	s, err := a.AwaitShown(ctx, id)
	a.meta.mu.Lock()
	defer a.meta.mu.Unlock()
	return s.Text, a.meta.copies[id], err
}

func (a *account) AwaitShown(ctx context.Context, id engine.MessageID) (s enginetest.Shown, err error) {
	return s, a.meta.await(ctx, func() (ok bool) { s, ok = a.meta.shown[id]; return ok })
}

func (a *account) AwaitRead(ctx context.Context, id engine.MessageID) error {
	return a.meta.await(ctx, func() bool { return a.meta.read[string(id)] })
}

// refuse answers as Meta does.
func refuse(w http.ResponseWriter, status, code, subcode int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"message":"(#%d) it names +4915100000001","type":"OAuthException","code":%d,"error_subcode":%d,"fbtrace_id":"A"}}`, code, code, subcode)
}

// ServeHTTP implements http.Handler: it is the Graph API.
func (m *meta) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	m.mu.Lock()
	answer := m.answer
	m.bodies = append(m.bodies, r.Method+" "+r.URL.Path+" "+string(raw))
	m.mu.Unlock()
	if answer != nil && answer(w, r) {
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	m.note(func() { m.serve(w, r, parts, raw) })
}

// serve answers a request, under the lock.
func (m *meta) serve(w http.ResponseWriter, r *http.Request, parts []string, raw []byte) {
	var caller *account
	for _, a := range m.accounts {
		if "Bearer "+a.token == r.Header.Get("Authorization") && !a.revoked {
			caller = a
		}
	}
	if caller == nil {
		refuse(w, 401, 190, 463)
		return
	}
	if caller.cut {
		caller.cut = false
		http.Error(w, "<html>Bad Gateway</html>", http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case parts[0] == "file":
		w.Write(m.files[parts[1]])
	case len(parts) == 2 && m.files[parts[1]] != nil:
		sum := sha256.Sum256(m.files[parts[1]])
		fmt.Fprintf(w, `{"messaging_product":"whatsapp","url":"%s/file/%s","mime_type":"image/jpeg","sha256":"%s","id":"%s"}`, m.server.URL, parts[1], hex.EncodeToString(sum[:]), parts[1])
	case len(parts) == 2 && parts[1] == caller.id:
		fmt.Fprintf(w, `{"id":"%s","display_phone_number":"+%s","verified_name":"Shop"}`, caller.id, caller.digits)
	case len(parts) == 3 && parts[1] == caller.id && parts[2] == "media":
		m.takeFile(w, r, raw)
	case len(parts) == 3 && parts[1] == caller.id && parts[2] == "messages":
		m.takeMessage(w, caller, raw)
	default:
		refuse(w, 400, 100, 33)
	}
}

func (m *meta) takeFile(w http.ResponseWriter, r *http.Request, raw []byte) {
	r.Body = io.NopCloser(strings.NewReader(string(raw)))
	file, head, err := r.FormFile("file")
	if err != nil || r.FormValue("messaging_product") != "whatsapp" || r.FormValue("type") == "" || head.Header.Get("Content-Type") != r.FormValue("type") {
		refuse(w, 400, 131008, 0)
		return
	}
	data, err := io.ReadAll(file)
	if err != nil {
		refuse(w, 400, 131053, 0)
		return
	}
	id := fmt.Sprint(m.number())
	m.files[id] = data
	fmt.Fprintf(w, `{"id":"%s"}`, id)
}

func (m *meta) takeMessage(w http.ResponseWriter, caller *account, raw []byte) {
	var seen seen
	if json.Unmarshal(raw, &seen) == nil && seen.Status == "read" {
		m.read[seen.WAMID] = true
		if seen.Typing != nil {
			m.typing++
		}
		fmt.Fprint(w, `{"success":true}`)
		return
	}
	var out outgoing
	if err := json.Unmarshal(raw, &out); err != nil || out.Product != "whatsapp" || out.Callback == "" {
		refuse(w, 400, 100, 0)
		return
	}
	wamid := fmt.Sprintf("wamid.OUT%d", m.number())
	m.shown[out.Callback] = m.show(out)
	m.copies[out.Callback]++
	fmt.Fprintf(w, `{"messaging_product":"whatsapp","contacts":[{"input":"%s","wa_id":"%s"}],"messages":[{"id":"%s"}]}`, out.To, out.To, wamid)
	for _, status := range []string{"sent", "delivered"} {
		m.post(caller, wamid+status, map[string]any{"statuses": []any{map[string]any{"id": wamid, "status": status, "timestamp": fmt.Sprint(time.Now().Unix()),
			"recipient_id": out.To, "biz_opaque_callback_data": out.Callback}}})
	}
}

// show is what the recipient's phone shows.
func (m *meta) show(out outgoing) (s enginetest.Shown) {
	file := func(kind engine.Kind, f *outFile) {
		s.Kind, s.Text, s.File = kind, f.Caption, m.files[f.ID]
	}
	switch out.Type {
	case "text":
		s.Kind, s.Text = engine.KindText, out.Text.Body
	case "image":
		file(engine.KindImage, out.Image)
	case "video":
		file(engine.KindVideo, out.Video)
	case "audio":
		if file(engine.KindAudio, out.Audio); out.Audio.Voice {
			s.Kind = engine.KindVoice
		}
	case "document":
		file(engine.KindDocument, out.Document)
	case "sticker":
		file(engine.KindSticker, out.Sticker)
	case "location":
		s.Kind, s.Text, s.Place = engine.KindLocation, out.Location.Name, [2]float64{out.Location.Latitude, out.Location.Longitude}
	case "contacts":
		s.Kind = engine.KindContact
		for _, c := range out.Contacts {
			s.Contacts = append(s.Contacts, c.Name.Formatted)
		}
	case "reaction":
		s.Kind, s.Text, s.About = engine.KindReaction, out.Reaction.Emoji, engine.MessageID(out.Reaction.WAMID)
	}
	if out.Context != nil {
		s.Quoted = engine.MessageID(out.Context.WAMID)
	}
	return s
}

// scratch is an empty file of the test's.
func scratch(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
