package engine_test

import (
	"context"
	"slices"
	"testing"

	"wapid/engine"
)

// moves is what a scripted network was asked to move, in that order.
type moves struct {
	asked []string
	fail  error // of the next
}

func (n *scripted) move(what string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.moves.asked = append(n.moves.asked, what)
	err := n.moves.fail
	n.moves.fail = nil
	return err
}

func (n *scripted) Export(_ context.Context, device engine.DeviceID, _ string) error {
	return n.move("export " + string(device))
}

func (n *scripted) Identify(context.Context, string) ([]engine.Identity, error) {
	return []engine.Identity{who(key("a"))}, nil
}

func (n *scripted) Import(_ context.Context, _ string, device engine.DeviceID) error {
	return n.move("import " + string(device))
}

func (n *scripted) Renew(_ context.Context, device engine.DeviceID) error {
	return n.move("renew " + string(device))
}

// TestExport: only a stopped, linked session is given up, and from there on nothing
// connects it or unlinks it, also after a restart.
func TestExport(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		export := func(id string) error {
			_, err := w.engine.Export(ctx, key(id), "file")
			return err
		}
		wantCode(t, export("none"), engine.CodeSessionNotFound)
		w.create("new")
		wantCode(t, export("new"), engine.CodeSessionNotReady)
		c := w.link("a")
		wantCode(t, export("a"), engine.CodeSessionLive)
		_, err := w.engine.Reclaim(ctx, key("a"))
		wantCode(t, err, engine.CodeInvalid)

		closing := make(chan struct{})
		w.net.close.set(func(*conn) { <-closing })
		if _, err := w.engine.Stop(ctx, key("a")); err != nil {
			t.Fatal(err)
		}
		wantCode(t, export("a"), engine.CodeSessionBusy) // after its patience
		close(closing)
		w.net.moves.fail = engine.Errorf(engine.CodeStorage, "full")
		wantCode(t, export("a"), engine.CodeStorage)
		w.want("a", engine.StatusDisconnected, engine.ReasonMoved)
		if err := export("a"); err != nil { // again, as the first file is worth nothing
			t.Fatal(err)
		}
		w.end()
		w.start()
		w.want("a", engine.StatusDisconnected, engine.ReasonMoved)
		for name, ask := range map[string]func() error{
			"start":   func() error { _, err := w.engine.Start(ctx, key("a")); return err },
			"restart": func() error { _, err := w.engine.Restart(ctx, key("a")); return err },
			"stop":    func() error { _, err := w.engine.Stop(ctx, key("a")); return err },
			"create":  func() error { _, _, err := w.engine.Create(ctx, key("a"), engine.SessionChange{}); return err },
		} {
			if err := ask(); engine.CodeOf(err) != engine.CodeSessionMoved {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := w.engine.Configure(ctx, key("a"), engine.SessionChange{Proxy: new("socks5://proxy:1")}); err != nil {
			t.Fatal(err)
		}
		w.want("a", engine.StatusDisconnected, engine.ReasonMoved)
		w.remove("a", false, 0)
		if n := w.net.last(key("a")); n != c || n.logouts.Load() != 0 {
			t.Error("an exported session was connected or unlinked")
		}
	})
}

// TestReclaim: the session is the daemon's again, with its encryption begun anew.
func TestReclaim(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		w.exportStopped("a")
		w.net.moves.fail = engine.Errorf(engine.CodeStorage, "full")
		_, err := w.engine.Reclaim(context.Background(), key("a"))
		wantCode(t, err, engine.CodeStorage)
		w.want("a", engine.StatusDisconnected, engine.ReasonMoved)
		if _, err := w.engine.Reclaim(context.Background(), key("a")); err != nil {
			t.Fatal(err)
		}
		w.want("a", engine.StatusDisconnected, engine.ReasonStopped)
		w.net.connect.set(login)
		if _, err := w.engine.Start(context.Background(), key("a")); err != nil {
			t.Fatal(err)
		}
		w.want("a", engine.StatusReady, "")
		if want := []string{"export dev-a", "renew dev-a", "renew dev-a"}; !slices.Equal(w.net.moves.asked, want) {
			t.Errorf("the network was asked for %q", w.net.moves.asked)
		}
	})
}

// TestImport: the session starts as any other that was linked before, and a device is
// never in two sessions.
func TestImport(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.net.connect.set(login)
		id := who(key("a"))
		take := func(session string) error {
			_, err := w.engine.Import(ctx, key(session), engine.SessionChange{Name: new("shop")}, "file", id)
			return err
		}
		w.net.moves.fail = engine.Errorf(engine.CodeStorage, "full")
		wantCode(t, take("a"), engine.CodeStorage)
		_, err := w.engine.Import(ctx, engine.SessionKey{Tenant: "nobody", ID: "a"}, engine.SessionChange{}, "file", id)
		wantCode(t, err, engine.CodeNotFound)
		if want := []engine.DeviceID{id.Device}; !slices.Equal(w.net.forgotten, want) {
			t.Errorf("forgotten are %v", w.net.forgotten)
		}
		if err := take("a"); err != nil {
			t.Fatal(err)
		}
		if s := w.want("a", engine.StatusReady, ""); s.Name != "shop" || s.State.Identity != id {
			t.Errorf("the session is %+v", s)
		}
		wantCode(t, take("a"), engine.CodeSessionLive)
		wantCode(t, take("b"), engine.CodeSessionLive)
		w.told(readyEvent)
	})
}

// exportStopped stops a session and exports it.
func (w *world) exportStopped(id string) {
	w.t.Helper()
	if _, err := w.engine.Stop(context.Background(), key(id)); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.engine.Export(context.Background(), key(id), "file"); err != nil {
		w.t.Fatal(err)
	}
	w.want(id, engine.StatusDisconnected, engine.ReasonMoved)
}
