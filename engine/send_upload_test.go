package engine_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wapid/engine"
)

// shelf is a connection that takes files.
type shelf struct {
	*conn
	uploads *atomic.Int64
	give    func(n int64, bytes []byte) (engine.Upload, error)
}

func (s *shelf) Upload(_ context.Context, _ engine.Outgoing, plain io.ReadSeeker) (engine.Upload, error) {
	bytes, err := io.ReadAll(plain)
	if err != nil {
		return engine.Upload{}, err
	}
	return s.give(s.uploads.Add(1), bytes)
}

func (*shelf) Download(context.Context, engine.MessageRef, *os.File) error {
	return engine.Errorf(engine.CodeNotSupported, "no")
}

func image(t *testing.T, path string) engine.Outgoing {
	t.Helper()
	if err := os.WriteFile(path, []byte("bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	return engine.Outgoing{To: text("").To, Kind: engine.KindImage, Text: "caption",
		Attachment: &engine.Attachment{Path: path, SHA256: []byte{1, 2, 3}, Size: 5, MIME: "image/png"}}
}

func TestFilesAreGivenToTheNetworkOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	inBubble(t, func(t *testing.T, w *world) {
		var uploads atomic.Int64
		var expires time.Duration
		w.net.dress = func(c *conn) engine.Conn {
			return &shelf{c, &uploads, func(n int64, bytes []byte) (engine.Upload, error) {
				u := engine.Upload{Ref: fmt.Appendf(nil, "%s %d", bytes, n)}
				if expires > 0 {
					u.ExpiresAt = time.Now().Add(expires)
				}
				return u, nil
			}}
		}
		w.link("a")
		w.net.connect.set(login)
		var ref string
		w.net.send.set(func(_ context.Context, _ *conn, m engine.Outgoing) (engine.Sent, error) {
			ref = string(m.Attachment.Upload.Ref)
			return engine.Sent{ID: m.ID, Timestamp: time.Now()}, nil
		})
		m := image(t, file)
		send := func(want string) {
			t.Helper()
			if _, err := w.submit(m, engine.SendOptions{}); err != nil || ref != want || m.Attachment.Upload != nil {
				t.Errorf("sent %q, want %q, %v", ref, want, err)
			}
		}
		send("bytes 1") // it is kept for a day where the network does not say
		send("bytes 1")
		pass(23*time.Hour - time.Second)
		send("bytes 1")
		w.end()
		w.start()
		send("bytes 1")
		expires = 3 * time.Hour
		pass(time.Second)
		send("bytes 2") // an hour before its end it is made anew
		pass(2 * time.Hour)
		send("bytes 3")
		channel := m
		channel.To = "123@newsletter"
		m = channel
		send("bytes 4")
		send("bytes 4")
	})
}

func TestAFileThatCantBeGivenSendsNothing(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		shelf bool
		gone  bool
		err   error
		want  engine.Code
	}{
		"the network takes none":    {false, false, nil, engine.CodeNotSupported},
		"the network refuses it":    {true, false, engine.Errorf(engine.CodeMediaInvalid, "no"), engine.CodeMediaInvalid},
		"the connection is cut":     {true, false, engine.Errorf(engine.CodeSessionNotReady, "no"), engine.CodeSessionNotReady},
		"it is gone from the spool": {true, true, nil, engine.CodeMediaGone},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				if c.shelf {
					w.net.dress = func(one *conn) engine.Conn {
						return &shelf{one, new(atomic.Int64), func(int64, []byte) (engine.Upload, error) { return engine.Upload{}, c.err }}
					}
				}
				linked := w.link("a")
				m := image(t, filepath.Join(dir, "file"))
				if c.gone {
					m.Attachment.Path += "x"
				}
				_, err := w.submit(m, engine.SendOptions{})
				wantCode(t, err, c.want)
				if linked.sends.Load() != 0 || w.used() != 0 {
					t.Errorf("sent %d times, %d count", linked.sends.Load(), w.used())
				}
			})
		})
	}
}

func TestTheFileOfAQueuedMessageIsRemovedAfterIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	inBubble(t, func(t *testing.T, w *world) {
		var uploads atomic.Int64
		w.net.dress = func(c *conn) engine.Conn {
			return &shelf{c, &uploads, func(int64, []byte) (engine.Upload, error) { return engine.Upload{Ref: []byte("r")}, nil }}
		}
		w.link("a")
		w.net.connect.set(login)
		w.net.send.set(func(context.Context, *conn, engine.Outgoing) (engine.Sent, error) {
			return engine.Sent{}, engine.Errorf(engine.CodeRateLimited, "slow down")
		})
		s, err := w.submit(image(t, file), queued)
		if err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		w.end()
		w.start()
		synctest.Wait()
		if spooled, err := w.store.ListSpooled(context.Background()); err != nil || len(spooled) != 1 || spooled[0] != file {
			t.Errorf("spooled %v, %v", spooled, err)
		}
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
		w.net.send.set(nil)
		pass(10 * time.Minute)
		w.wantRow(s.ID, engine.MessageSent, "")
		if _, err := os.Stat(file); !os.IsNotExist(err) {
			t.Errorf("the file is still there: %v", err)
		}
		if n := uploads.Load(); n != 1 {
			t.Errorf("uploaded %d times", n)
		}
	})
}
