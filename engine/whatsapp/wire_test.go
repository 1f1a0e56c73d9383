package whatsapp

import (
	"net"
	"testing"
	"testing/synctest"
)

// A stream that ends around the end of a handshake may not end under whatsmeow
// before Connect has returned, or can only fail.
func TestWireHoldsBackTheEnd(t *testing.T) {
	hangUp := func(w *wire, _ wiredBody, _ net.Conn) { w.hangUp() }
	farEnds := func(_ *wire, _ wiredBody, far net.Conn) { far.Close() }
	for name, c := range map[string]struct {
		writes int
		end    func(w *wire, body wiredBody, far net.Conn)
		held   bool
	}{
		"before the handshake":              {0, hangUp, false},
		"hung up within the handshake":      {1, hangUp, true},
		"hung up behind the last frame":     {2, hangUp, true},
		"ended by the server within it":     {1, farEnds, true},
		"ended by the server just behind":   {2, farEnds, true},
		"closed because a write has failed": {2, func(_ *wire, body wiredBody, _ net.Conn) { body.Close() }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				defer far.Close()
				w := newWire()
				if !w.attach(near) {
					t.Fatal("the wire takes no connection")
				}
				body := wiredBody{near, w}
				for range c.writes {
					go body.Write([]byte("hello"))
					if _, err := far.Read(make([]byte, 5)); err != nil {
						t.Fatal(err)
					}
				}
				ended := make(chan error, 1)
				go func() {
					_, err := body.Read(make([]byte, 1))
					ended <- err
				}()
				synctest.Wait()
				c.end(w, body, far)
				synctest.Wait()
				if held := len(ended) == 0; held != c.held {
					t.Fatalf("held back: %v, want %v", held, c.held)
				}
				w.letGo()
				if err := <-ended; err == nil {
					t.Error("the end is no error")
				}
			})
		})
	}
}
