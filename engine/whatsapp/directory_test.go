package whatsapp

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
	"wapid/engine/enginetest"
	"wapid/engine/simnet"
)

// able is a session's connection as one that has a capability.
func able[T any](t *testing.T, s *enginetest.Session) T {
	t.Helper()
	c, ok := s.Conn.(T)
	if !ok {
		t.Fatalf("the connection is no %T", *new(T))
	}
	return c
}

// soon waits until what another goroutine does has been done.
func soon(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("waited in vain: %s", what)
		case <-tick.C:
		}
	}
}

// writes has a phone write, and returns the message's id.
func writes(t *testing.T, from *phone, to engine.JID, text string) engine.MessageID {
	t.Helper()
	id, err := from.SendText(t.Context(), to, text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestCheck(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	sim.SetAbsent("4915100000001")
	phones := []string{"4915100000001", peer.Number(), p.Number()}
	got, err := able[engine.Directory](t, s).Check(t.Context(), phones)
	want := []engine.Registration{
		{Phone: phones[0]},
		{Phone: phones[1], OnWhatsApp: true, Person: peer.Person()},
		{Phone: phones[2], OnWhatsApp: true, Person: p.Person()},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v (%v), want %+v", got, err, want)
	}
}

func TestCheckOfFiveHundred(t *testing.T) {
	sim := simulate(t)
	n, p := sim.open(t, nil), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	phones := make([]string, engine.MaxCheck)
	var absent []string
	for i := range phones {
		phones[i] = "49151" + strings.Repeat("0", 4) + string(rune('0'+i/100)) + string(rune('0'+i/10%10)) + string(rune('0'+i%10))
		if i%3 == 0 {
			absent = append(absent, phones[i])
		}
	}
	sim.SetAbsent(absent...)
	got, err := able[engine.Directory](t, s).Check(t.Context(), phones)
	if err != nil || len(got) != len(phones) {
		t.Fatalf("%d answers (%v)", len(got), err)
	}
	for i, r := range got {
		if r.Phone != phones[i] || r.OnWhatsApp == slices.Contains(absent, phones[i]) {
			t.Fatalf("answer %d of %s is %+v", i, phones[i], r)
		}
	}
}

func TestRegistrations(t *testing.T) {
	pn, lid := types.NewJID("551187654321", types.DefaultUserServer), types.NewJID("123456789012345", types.HiddenUserServer)
	for name, c := range map[string]struct {
		answer types.IsOnWhatsAppResponse
		want   engine.Registration
	}{
		"under its LID": {types.IsOnWhatsAppResponse{Query: "+5511987654321", IsIn: true, JID: lid, PhoneNumber: pn},
			engine.Registration{OnWhatsApp: true, Person: engine.Person{Phone: "551187654321@s.whatsapp.net", LID: "123456789012345@lid"}}},
		"echoed without the plus": {types.IsOnWhatsAppResponse{Query: "5511987654321", IsIn: true, JID: pn},
			engine.Registration{OnWhatsApp: true, Person: engine.Person{Phone: "551187654321@s.whatsapp.net"}}},
		"out":             {types.IsOnWhatsAppResponse{Query: "+5511987654321", JID: pn}, engine.Registration{}},
		"another's":       {types.IsOnWhatsAppResponse{Query: "+5511987654322", IsIn: true, JID: lid}, engine.Registration{}},
		"without a query": {types.IsOnWhatsAppResponse{IsIn: true, JID: lid}, engine.Registration{}},
	} {
		c.want.Phone = "5511987654321"
		got := registrationsOf([]string{"5511987654321"}, []types.IsOnWhatsAppResponse{c.answer})
		if !reflect.DeepEqual(got, []engine.Registration{c.want}) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestContacts(t *testing.T) {
	sim := simulate(t)
	n, p, saved, writer := sim.open(t, nil), sim.phone(), sim.phone(), sim.phone()
	if err := p.SaveContact(saved.Number(), "Asha Rao"); err != nil {
		t.Fatal(err)
	}
	s, _ := enginetest.Link(t, n, p, "a")
	writer.SetPushName("Writer")
	s.AwaitMessage(t, writes(t, writer, p.Person().LID, "hello"))
	if err := p.SaveContact(writer.Number(), "Wilma Writer"); err != nil {
		t.Fatal(err)
	}
	want := []engine.Acquaintance{
		{Person: engine.Person{Phone: saved.Person().Phone}, Name: "Asha Rao"}, // whatsmeow keeps no LID of the address book
		{Person: writer.Person(), Name: "Wilma Writer", PushName: "Writer"},
	}
	d := able[engine.Directory](t, s)
	soon(t, "the address book is there", func() bool {
		got, err := d.Contacts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(got, func(a, b engine.Acquaintance) int {
			return strings.Compare(string(a.Person.Phone), string(b.Person.Phone))
		})
		return reflect.DeepEqual(got, want)
	})
}

func TestAvatar(t *testing.T) {
	sim := simulate(t)
	n, p, peer, shy, stranger := sim.open(t, nil), sim.phone(), sim.phone(), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	d := able[engine.Directory](t, s)
	peer.SetPicture([]byte("jpeg"))
	shy.SetPicture([]byte("jpeg"))
	if err := shy.SetPrivacy("profile", "none"); err != nil {
		t.Fatal(err)
	}
	shown, err := peer.CreateGroup(t.Context(), "Shown", p.JID())
	if err != nil {
		t.Fatal(err)
	}
	if err := peer.SetGroupPicture(shown, []byte("jpeg")); err != nil {
		t.Fatal(err)
	}
	foreign, err := peer.CreateGroup(t.Context(), "Foreign")
	if err != nil {
		t.Fatal(err)
	}
	for of, want := range map[engine.JID]engine.Code{
		peer.Person().Phone: "", peer.Person().LID: "", engine.JID(shown.String()): "",
		shy.Person().Phone: engine.CodeNotFound, stranger.Person().LID: engine.CodeNotFound,
		engine.JID(foreign.String()): engine.CodeNotFound,
		"120363000000000@newsletter": engine.CodeNotSupported, "nobody": engine.CodeInvalid,
	} {
		got, err := d.Avatar(t.Context(), of, true)
		wantCode(t, err, want)
		if err == nil && (got.ID == "" || !strings.HasPrefix(got.URL, "https://")) {
			t.Errorf("of %s: %+v", of, got)
		}
	}
	peer.SetPicture(nil)
	_, err = d.Avatar(t.Context(), peer.Person().Phone, false)
	wantCode(t, err, engine.CodeNotFound)
}

func TestBlock(t *testing.T) {
	sim := simulate(t)
	n, p, peer, other := sim.open(t, nil), sim.phone(), sim.phone(), sim.phone()
	s, device := enginetest.Link(t, n, p, "a")
	enginetest.Link(t, n, p, "b") // another device of the account, which is told
	d := able[engine.Directory](t, s)
	sim.SetAbsent("4915100000001")
	for _, who := range []engine.JID{peer.Person().Phone, other.Person().LID} {
		wantCode(t, d.Block(t.Context(), who, true), "")
	}
	if got := p.Blocked(); !slices.Equal(got, []string{peer.Number(), other.Number()}) {
		t.Errorf("the phone shows as blocked %v", got)
	}
	people, err := d.Blocked(t.Context())
	if err != nil || !reflect.DeepEqual(people, []engine.Person{peer.Person(), {LID: other.Person().LID}}) {
		t.Errorf("blocked are %+v (%v)", people, err)
	}
	unheard := writes(t, peer, p.Person().LID, "can you hear me?")
	wantCode(t, d.Block(t.Context(), peer.Person().LID, false), "")
	s.AwaitMessage(t, writes(t, peer, p.Person().LID, "and now?"))
	if p.Acknowledged(device.Device, unheard) {
		t.Error("what a blocked person wrote came through")
	}
	for who, want := range map[engine.JID]engine.Code{
		"4915100000001@s.whatsapp.net": engine.CodeNotOnWhatsApp, "999999999999999@lid": engine.CodeRecipientInvalid,
		"120363999999999999@g.us": engine.CodeInvalid,
	} {
		wantCode(t, d.Block(t.Context(), who, true), want)
	}
}

func TestMe(t *testing.T) {
	sim := simulate(t)
	n, p := sim.open(t, nil), sim.phone()
	p.SetPushName("Meera")
	p.SetAbout("At the shop")
	s, _ := enginetest.Link(t, n, p, "a")
	d := able[engine.Directory](t, s)
	var me engine.Profile
	soon(t, "the phone has told the name", func() bool {
		var err error
		if me, err = d.Me(t.Context()); err != nil {
			t.Fatal(err)
		}
		return me.PushName != ""
	})
	want := engine.Profile{Person: p.Person(), PushName: "Meera", About: "At the shop", Platform: me.Platform}
	if me != want || me.Platform == "" {
		t.Errorf("%+v, want %+v", me, want)
	}
	p.SetPicture([]byte("jpeg"))
	if me, err := d.Me(t.Context()); err != nil || !strings.HasPrefix(me.AvatarURL, "https://") {
		t.Errorf("%+v (%v)", me, err)
	}
}

// TestCapabilitiesNeedALogin: what is asked of a connection that is down, or
// closed, is refused and nothing hangs.
func TestCapabilitiesNeedALogin(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	ask := func(want engine.Code) {
		t.Helper()
		_, err := able[engine.Directory](t, s).Check(t.Context(), []string{peer.Number()})
		wantCode(t, err, want)
		_, err = able[engine.Groups](t, s).ListGroups(t.Context())
		wantCode(t, err, want)
		wantCode(t, able[engine.Presence](t, s).SetTyping(t.Context(), peer.Person().Phone, engine.TypingText), want)
		wantCode(t, able[engine.Receipts](t, s).MarkRead(t.Context(), peer.Person().Phone, peer.Person(), []engine.MessageID{"A"}, false, time.Now()), want)
	}
	ask("")
	p.Cut(t)
	enginetest.Await[engine.SignalDropped](t, s)
	ask(engine.CodeSessionNotReady)
	s.ComeBack(t)
	ask("")
	s.End(t)
	ask(engine.CodeSessionNotReady)
}

// TestSilentServer: a question that is not answered ends with its context, a
// change then has an unknown outcome.
func TestSilentServer(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	sim.fault(t, simnet.Fault{Kind: simnet.FaultDeaf, Number: p.Number()})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := able[engine.Groups](t, s).ListGroups(ctx)
	wantCode(t, err, engine.CodeSessionNotReady)
	ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, _, err = able[engine.Groups](t, s).CreateGroup(ctx, "Perhaps", []engine.JID{peer.Person().Phone})
	wantCode(t, err, engine.CodeSendOutcomeUnknown)
}
