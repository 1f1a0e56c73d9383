package store_test

import (
	"context"
	"testing"
	"time"

	"wapid/engine"
	"wapid/engine/cloudapi"
	"wapid/store"
)

func cloudNumber(session string, phoneNumberID, verify string) cloudapi.Number {
	return cloudapi.Number{
		Session: key(session), PhoneNumberID: phoneNumberID, BaseURL: cloudapi.DefaultBaseURL,
		AccessToken: "EAAtoken", AppSecret: "0123456789abcdef", VerifyHash: cloudapi.HashVerifyToken(verify),
	}
}

// TestCloudNumbers: a session's credentials are found by session, device, number and
// verify token, replaced, and gone with the session.
func TestCloudNumbers(t *testing.T) {
	ctx := t.Context()
	s := open(t, store.Options{Clock: func() time.Time { return start }})
	made, isNew, err := s.PutCloudNumber(ctx, cloudNumber("official", "123456789012345", "my token"))
	must(t, err)
	if !isNew || !cloudapi.IsDevice(made.Device) {
		t.Fatalf("made %+v, new %t", made, isNew)
	}
	other := cloudNumber("official", "123456789012345", "another token")
	other.AccessToken = "EAAother"
	again, isNew, err := s.PutCloudNumber(ctx, other)
	must(t, err)
	if isNew || again.Device != made.Device {
		t.Errorf("other credentials made another device: %s, was %s", again.Device, made.Device)
	}
	_, _, err = s.PutCloudNumber(ctx, cloudNumber("official", "999999999999999", "x"))
	wantCode(t, err, engine.CodeAlreadyLinked)
	for what, find := range map[string]func() (cloudapi.Number, error){
		"session": func() (cloudapi.Number, error) { return s.FindCloudNumber(ctx, key("official")) },
		"device":  func() (cloudapi.Number, error) { return s.FindCloudDevice(ctx, made.Device) },
		"number": func() (cloudapi.Number, error) {
			all, err := s.ListCloudNumbers(ctx, "123456789012345")
			if len(all) != 1 {
				t.Fatalf("%d numbers", len(all))
			}
			return all[0], err
		},
	} {
		if n, err := find(); err != nil || n != again {
			t.Errorf("by %s: %+v (%v), want %+v", what, n, err, again)
		}
	}
	for token, want := range map[string]bool{"another token": true, "my token": false, "": false} {
		if known, err := s.KnowsVerifyToken(ctx, cloudapi.HashVerifyToken(token)); err != nil || known != want {
			t.Errorf("the token %q is known: %t (%v)", token, known, err)
		}
	}
	renamed := cloudapi.NewDevice()
	must(t, s.RenameCloudDevice(ctx, made.Device, renamed))
	wantCode(t, s.RenameCloudDevice(ctx, made.Device, renamed), engine.CodeNotFound)
	if _, err := s.FindCloudDevice(ctx, made.Device); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("the old device: %v", err)
	}
	must(t, s.DeleteSession(ctx, key("official")))
	if _, err := s.FindCloudNumber(ctx, key("official")); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("the number outlives its session: %v", err)
	}
}

// TestCloudNumbersWithoutSession are what a crash leaves between the two.
func TestCloudNumbersWithoutSession(t *testing.T) {
	ctx := t.Context()
	s := open(t, store.Options{})
	for _, id := range []string{"main", "lost"} {
		_, _, err := s.PutCloudNumber(ctx, cloudNumber(id, "123456789012345", "t"))
		must(t, err)
	}
	must(t, s.InsertSession(ctx, engine.Session{Key: key("main"), CreatedAt: start, UpdatedAt: start}))
	must(t, s.PruneCloudNumbers(ctx))
	if all, err := s.ListTenantCloudNumbers(ctx, store.DefaultTenant); err != nil || len(all) != 1 || all[0].Session.ID != "main" {
		t.Errorf("left are %+v (%v)", all, err)
	}
}

// TestCloudMessages: a message is begun once, and found by Meta's id and, until that is
// known, by ours.
func TestCloudMessages(t *testing.T) {
	ctx := t.Context()
	s := open(t, store.Options{})
	begin := func(id engine.MessageID) (cloudapi.Message, bool) {
		t.Helper()
		m, fresh, err := s.BeginCloudMessage(ctx, key("main"), id, ana)
		must(t, err)
		return m, fresh
	}
	if _, fresh := begin("A"); !fresh {
		t.Error("a first message is not fresh")
	}
	if m, fresh := begin("A"); fresh || m.WAMID != "" {
		t.Errorf("begun again: %+v, fresh %t", m, fresh)
	}
	if _, err := s.FindWAMID(ctx, key("main"), "A"); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("a wamid that nobody has told: %v", err)
	}
	if _, err := s.FindCloudMessage(ctx, key("main"), "wamid.1", ""); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("found by nothing: %v", err)
	}
	want := cloudapi.Message{ID: "A", WAMID: "wamid.1", Chat: ana}
	for _, by := range []engine.MessageID{"A", "", "another"} { // the first one notes the wamid
		if m, err := s.FindCloudMessage(ctx, key("main"), "wamid.1", by); err != nil || m != want {
			t.Errorf("by %q: %+v (%v)", by, m, err)
		}
	}
	if _, err := s.FindCloudMessage(ctx, key("main"), "wamid.2", "A"); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("our id with another wamid: %v", err)
	}
	if _, err := s.FindCloudMessage(ctx, key("other"), "wamid.1", "A"); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("in another session: %v", err)
	}
	must(t, s.CancelCloudMessage(ctx, key("main"), "A")) // too late
	if m, fresh := begin("A"); fresh || m != want {
		t.Errorf("cancelled although Meta has it: %+v, fresh %t", m, fresh)
	}
	begin("B")
	must(t, s.CancelCloudMessage(ctx, key("main"), "B"))
	if _, fresh := begin("B"); !fresh {
		t.Error("a message that was not sent can't be sent again")
	}
	must(t, s.FinishCloudMessage(ctx, key("main"), "B", "wamid.3"))
	if wamid, err := s.FindWAMID(ctx, key("main"), "B"); err != nil || wamid != "wamid.3" {
		t.Errorf("the wamid is %q (%v)", wamid, err)
	}
}

// TestNewestReceived is what Meta is told to have been read.
func TestNewestReceived(t *testing.T) {
	ctx := context.Background()
	s := open(t, store.Options{})
	for i, id := range []engine.MessageID{"one", "two", "three"} {
		m := engine.LoggedMessage{Session: key("main"), ID: id, Direction: engine.Inbound, Chat: ana, Peer: engine.Person{Phone: ana},
			Kind: engine.KindText, CreatedAt: start.Add(time.Duration(i) * time.Second), SentAt: start.Add(time.Duration(i) * time.Second)}
		fresh, err := s.BeginIncoming(ctx, m, engine.Event{Session: key("main"), Type: engine.EventMessage, At: start, Data: []byte(`{}`)})()
		if err != nil || !fresh {
			t.Fatalf("%s: %v", id, err)
		}
	}
	for _, c := range []struct {
		chat  engine.JID
		among []engine.MessageID
		want  engine.MessageID
	}{
		{ana, nil, "three"},
		{ana, []engine.MessageID{"two", "one"}, "two"},
		{ana, []engine.MessageID{"none"}, ""},
		{"7654321@s.whatsapp.net", nil, ""},
		{"US.1@bsuid", nil, ""},
	} {
		got, err := s.FindNewestReceived(ctx, key("main"), c.chat, c.among)
		if got != c.want || c.want == "" && engine.CodeOf(err) != engine.CodeNotFound || c.want != "" && err != nil {
			t.Errorf("newest of %s among %v is %q (%v), want %q", c.chat, c.among, got, err, c.want)
		}
	}
}
