package engine_test

import (
	"context"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"wapid/engine"
)

// Addresses of the chats in these tests.
const (
	friend    = engine.JID("491709876543@s.whatsapp.net")
	friendLID = engine.JID("777@lid")
	stranger  = engine.JID("491700000000@s.whatsapp.net")
	club      = engine.JID("123-456@g.us")
)

// receive brings an incoming message.
func (w *world) receive(c *conn, m engine.Incoming) {
	w.t.Helper()
	if m.Kind == "" {
		m.Kind = engine.KindText
	}
	if m.Timestamp.IsZero() {
		m.Timestamp = time.Now()
	}
	if err := c.h.Receive(context.Background(), m)(); err != nil {
		w.t.Fatal(err)
	}
}

func TestReferencesAreFoundInTheLog(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		c := w.link("a")
		who := engine.Person{Phone: friend, LID: friendLID}
		w.receive(c, engine.Incoming{ID: "IN", Chat: friend, Sender: who, Text: "hello", Payload: []byte("p")})
		w.receive(c, engine.Incoming{ID: "GROUP", Chat: club, Sender: who, Text: "hi all", IsGroup: true})
		w.receive(c, engine.Incoming{ID: "GROUP", Chat: friend, Sender: engine.Person{Phone: stranger}, Text: "a trap"})
		w.receive(c, engine.Incoming{ID: "VOTE", Chat: friend, Sender: who, Kind: engine.KindPollVote})
		out, err := w.submit(engine.Outgoing{To: friend, Kind: engine.KindText, Text: "mine"}, engine.SendOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var got engine.Outgoing
		w.net.send.set(func(_ context.Context, _ *conn, m engine.Outgoing) (engine.Sent, error) {
			got = m
			return engine.Sent{ID: m.ID, Timestamp: time.Now()}, nil
		})
		in := engine.MessageRef{ID: "IN", Chat: friend, Sender: who, Kind: engine.KindText, Text: "hello", Payload: []byte("p")}
		viaLID, mine := in, engine.MessageRef{ID: out.ID, Chat: friend, FromMe: true, Kind: engine.KindText, Text: "mine"}
		viaLID.Chat = friendLID
		group := engine.MessageRef{ID: "GROUP", Chat: club, Sender: who, Kind: engine.KindText, Text: "hi all"}
		for name, one := range map[string]struct {
			to            engine.JID
			kind          engine.Kind
			target, quote engine.MessageID
			want          *engine.MessageRef
			code          engine.Code
		}{
			"a reply":                       {friend, engine.KindText, "", "IN", &in, ""},
			"a reply to oneself":            {friend, engine.KindText, "", out.ID, &mine, ""},
			"a reply to a LID":              {friendLID, engine.KindText, "", "IN", &viaLID, ""},
			"a reply in a group":            {club, engine.KindText, "", "GROUP", &group, ""},
			"a reaction":                    {friend, engine.KindReaction, "IN", "", &in, ""},
			"an edit":                       {friend, engine.KindEdit, out.ID, "", &mine, ""},
			"a revocation":                  {friend, engine.KindRevoke, out.ID, "", &mine, ""},
			"an admin's revocation":         {club, engine.KindRevoke, "GROUP", "", &group, ""},
			"somebody else's text edited":   {friend, engine.KindEdit, "IN", "", nil, engine.CodeInvalid},
			"somebody else's text revoked":  {friend, engine.KindRevoke, "IN", "", nil, engine.CodeInvalid},
			"in another chat":               {stranger, engine.KindText, "", "IN", nil, engine.CodeNotFound},
			"in the group":                  {club, engine.KindText, "", "IN", nil, engine.CodeNotFound},
			"nowhere":                       {friend, engine.KindReaction, "NONE", "", nil, engine.CodeNotFound},
			"to a vote":                     {friend, engine.KindText, "", "VOTE", nil, engine.CodeInvalid},
			"a reaction without its target": {friend, engine.KindReaction, "", "", nil, engine.CodeInvalid},
			"a reaction that is a reply":    {friend, engine.KindReaction, "IN", "IN", nil, engine.CodeInvalid},
			"a text with a target":          {friend, engine.KindText, "IN", "", nil, engine.CodeInvalid},
		} {
			m := engine.Outgoing{To: one.to, Kind: one.kind, Text: "x"}
			if one.target != "" {
				m.Target = &engine.MessageRef{ID: one.target}
			}
			if one.quote != "" {
				m.Quoted = &engine.MessageRef{ID: one.quote}
			}
			before := w.used()
			got = engine.Outgoing{}
			if _, err := w.submit(m, engine.SendOptions{}); engine.CodeOf(err) != one.code {
				t.Errorf("%s: %v", name, err)
			}
			ref := got.Quoted
			if got.Target != nil {
				ref = got.Target
			}
			if !reflect.DeepEqual(ref, one.want) {
				t.Errorf("%s: sent with %+v, want %+v", name, ref, one.want)
			}
			if one.code != "" && w.used() != before {
				t.Errorf("%s: it counts", name)
			}
		}
	})
}

// Programs answer and react to what they have just sent, which may still wait. What is
// queued as well comes behind it; what is sent at once would come first.
func TestQueuedMessagesReferToQueuedOnes(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		if _, err := w.engine.Stop(context.Background(), key("a")); err != nil {
			t.Fatal(err)
		}
		var got []engine.Outgoing
		w.net.send.set(func(_ context.Context, _ *conn, m engine.Outgoing) (engine.Sent, error) {
			got = append(got, m)
			return engine.Sent{ID: m.ID, Timestamp: time.Now()}, nil
		})
		first := w.queue("mine", queued)
		want := &engine.MessageRef{ID: first, Chat: friend, FromMe: true, Kind: engine.KindText, Text: "mine"}
		reply := engine.Outgoing{To: friend, Kind: engine.KindText, Text: "more", Quoted: &engine.MessageRef{ID: first}}
		reaction := engine.Outgoing{To: friend, Kind: engine.KindReaction, Text: "x", Target: &engine.MessageRef{ID: first}}
		for _, m := range []engine.Outgoing{reply, reaction} {
			if _, err := w.submit(m, queued); err != nil {
				t.Errorf("%s: %v", m.Kind, err)
			}
		}
		w.net.connect.set(login)
		if _, _, err := w.engine.Create(context.Background(), key("a"), engine.SessionChange{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(got) != 3 || got[0].ID != first || !reflect.DeepEqual(got[1].Quoted, want) || !reflect.DeepEqual(got[2].Target, want) {
			t.Errorf("sent %+v", got)
		}
	})
}

func TestWhatIsTooLateIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		out, err := w.submit(text("mine"), engine.SendOptions{})
		if err != nil {
			t.Fatal(err)
		}
		change := func(kind engine.Kind, want engine.Code) {
			t.Helper()
			_, err := w.submit(engine.Outgoing{To: friend, Kind: kind, Text: "x", Target: &engine.MessageRef{ID: out.ID}}, engine.SendOptions{})
			if engine.CodeOf(err) != want {
				t.Errorf("%s after %v: %v", kind, time.Since(out.Timestamp), err)
			}
		}
		pass(20*time.Minute - time.Second)
		change(engine.KindEdit, "")
		pass(2 * time.Second)
		change(engine.KindEdit, engine.CodeInvalid)
		pass(59*time.Hour + 39*time.Minute)
		change(engine.KindRevoke, "")
		pass(time.Minute)
		change(engine.KindRevoke, engine.CodeInvalid)
		change(engine.KindReaction, "")
	})
}

func TestMessagesHaveTheTimerOfTheirChat(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		c := w.link("a")
		var got time.Duration
		w.net.send.set(func(_ context.Context, _ *conn, m engine.Outgoing) (engine.Sent, error) {
			got = m.Expiration
			return engine.Sent{ID: m.ID, Timestamp: time.Now()}, nil
		})
		want := func(to engine.JID, d time.Duration) {
			t.Helper()
			s, err := w.submit(engine.Outgoing{To: to, Kind: engine.KindText, Text: "x"}, engine.SendOptions{})
			if err != nil || got != d {
				t.Errorf("to %s: %v, want %v, %v", to, got, d, err)
			}
			if r := w.row(s.ID); r == nil || r.Details.ExpiresIn != int64(d.Seconds()) {
				t.Errorf("the row is %+v", r)
			}
		}
		hear := func(id engine.MessageID, chat engine.JID, d time.Duration) {
			t.Helper()
			w.receive(c, engine.Incoming{ID: id, Chat: chat, Sender: engine.Person{Phone: friend, LID: friendLID}, Text: "x", Expiration: &d})
		}
		want(friend, 0)
		hear("ON", friend, 24*time.Hour)
		want(friend, 24*time.Hour)
		want(friendLID, 24*time.Hour)
		want(club, 0)
		hear("CLUB", club, time.Hour)
		want(club, time.Hour)
		want(friend, 24*time.Hour)
		w.end()
		w.net.connect.set(login)
		w.start()
		c = w.net.last(key("a"))
		want(friendLID, 24*time.Hour)
		// That a LID is a phone number's may be known only after a send.
		day := 24 * time.Hour
		w.receive(c, engine.Incoming{ID: "LID", Chat: "888@lid", Sender: engine.Person{LID: "888@lid"}, Text: "x", Expiration: &day})
		want(stranger, 0)
		w.net.send.set(func(_ context.Context, _ *conn, m engine.Outgoing) (engine.Sent, error) {
			got = m.Expiration
			return engine.Sent{ID: m.ID, Timestamp: time.Now(), Recipient: engine.Person{Phone: stranger, LID: "888@lid"}}, nil
		})
		want(stranger, 0)
		want(stranger, day)
		want("888@lid", day)
		w.net.send.set(func(_ context.Context, _ *conn, m engine.Outgoing) (engine.Sent, error) {
			got = m.Expiration
			return engine.Sent{ID: m.ID, Timestamp: time.Now()}, nil
		})
		hear("OFF", friendLID, 0)
		want(friend, 0)
		want(club, time.Hour)
	})
}
