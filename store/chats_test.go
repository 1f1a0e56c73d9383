package store_test

import (
	"maps"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
)

func TestChatTimers(t *testing.T) {
	s := open(t, store.Options{})
	ctx := t.Context()
	const phone, lid, group = "1234567@s.whatsapp.net", "99@lid", "123-456@g.us"
	person := engine.Person{Phone: phone, LID: lid}
	for _, step := range []struct {
		chat  engine.JID
		peer  engine.Person
		timer time.Duration
		at    time.Duration
		now   map[engine.JID]time.Duration
	}{
		{phone, person, time.Hour, 0, map[engine.JID]time.Duration{phone: time.Hour, lid: time.Hour}},
		{group, person, 24 * time.Hour, 0, map[engine.JID]time.Duration{phone: time.Hour, lid: time.Hour, group: 24 * time.Hour}},
		{lid, person, 0, 2 * time.Second, map[engine.JID]time.Duration{group: 24 * time.Hour}},
		{phone, person, time.Hour, time.Second, map[engine.JID]time.Duration{group: 24 * time.Hour}}, // older than what is known
		{lid, engine.Person{}, time.Minute, 3 * time.Second, map[engine.JID]time.Duration{group: 24 * time.Hour, lid: time.Minute}},
	} {
		must(t, s.SaveChatTimer(ctx, key("main"), step.chat, step.peer, step.timer, start.Add(step.at)))
		got, err := s.ListChatTimers(ctx, key("main"))
		if err != nil || !maps.Equal(got, step.now) {
			t.Errorf("after %+v: %v, %v", step, got, err)
		}
	}
	if got, err := s.ListChatTimers(ctx, key("other")); err != nil || len(got) != 0 {
		t.Errorf("another session's: %v, %v", got, err)
	}
	must(t, s.DeleteSession(ctx, key("main")))
	if got, err := s.ListChatTimers(ctx, key("main")); err != nil || len(got) != 0 {
		t.Errorf("after the session: %v, %v", got, err)
	}
}

func TestUploadsAreReusedUntilTheyExpire(t *testing.T) {
	s, now := limited(t, 0, "UTC")
	ctx := t.Context()
	sum, other := []byte{1, 2, 3}, []byte{1, 2, 4}
	up := engine.Upload{Ref: []byte("ref"), ExpiresAt: start.Add(time.Hour)}
	must(t, s.SaveUpload(ctx, key("main"), engine.KindImage, false, sum, engine.Upload{Ref: []byte("old"), ExpiresAt: start}))
	must(t, s.SaveUpload(ctx, key("main"), engine.KindImage, false, sum, up))
	for name, c := range map[string]struct {
		session string
		kind    engine.Kind
		plain   bool
		sum     []byte
		at      time.Time
		found   bool
	}{
		"the same":        {"main", engine.KindImage, false, sum, start, true},
		"as a document":   {"main", engine.KindDocument, false, sum, start, false},
		"in a channel":    {"main", engine.KindImage, true, sum, start, false},
		"other bytes":     {"main", engine.KindImage, false, other, start, false},
		"another session": {"other", engine.KindImage, false, sum, start, false},
		"too late":        {"main", engine.KindImage, false, sum, start.Add(time.Hour), false},
	} {
		got, err := s.FindUpload(ctx, key(c.session), c.kind, c.plain, c.sum, c.at)
		if err != nil || (got.Ref != nil) != c.found || c.found && (string(got.Ref) != "ref" || !got.ExpiresAt.Equal(up.ExpiresAt)) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	now.Store(&up.ExpiresAt)
	must(t, s.PurgeExpired(ctx))
	if got, err := s.FindUpload(ctx, key("main"), engine.KindImage, false, sum, start); err != nil || got.Ref != nil {
		t.Errorf("after the purge: %+v, %v", got, err)
	}
}
