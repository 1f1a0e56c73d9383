package httpapi

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// shortListener fails with each of its errors before it hands out a connection.
type shortListener struct {
	net.Listener
	errs []error
	took []time.Time
}

func (l *shortListener) Accept() (net.Conn, error) {
	l.took = append(l.took, time.Now())
	if len(l.errs) == 0 {
		near, far := net.Pipe()
		_ = far.Close()
		return near, nil
	}
	err := l.errs[0]
	l.errs = l.errs[1:]
	return nil, err
}

func (l *shortListener) Close() error { return nil }

func acceptError(code syscall.Errno) error {
	return &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", code)}
}

func TestIntakeOutlivesShortages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := &shortListener{errs: []error{
			acceptError(syscall.EMFILE), acceptError(syscall.ENFILE), acceptError(syscall.ENOBUFS),
			acceptError(syscall.ENOMEM), acceptError(syscall.ECONNABORTED),
		}}
		conn, err := newIntake(ln, 1, zap.NewNop()).Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		for i, want := range []time.Duration{5, 10, 20, 40, 80} {
			if got := ln.took[i+1].Sub(ln.took[i]); got != want*time.Millisecond {
				t.Errorf("pause %d is %v", i, got)
			}
		}
	})
}

func TestIntakeReturnsLastingErrors(t *testing.T) {
	ln := &shortListener{errs: []error{acceptError(syscall.EBADF)}}
	if _, err := newIntake(ln, 1, zap.NewNop()).Accept(); !errors.Is(err, syscall.EBADF) {
		t.Errorf("got %v", err)
	}
}

func TestIntakeClosesWhileItWaits(t *testing.T) {
	for name, ln := range map[string]*shortListener{
		"for the system": {errs: []error{acceptError(syscall.EMFILE), acceptError(syscall.EMFILE), acceptError(syscall.EMFILE)}},
		"for a place":    {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := newIntake(ln, 1, zap.NewNop())
				if len(ln.errs) == 0 {
					conn, err := in.Accept()
					if err != nil {
						t.Fatal(err)
					}
					defer conn.Close()
					conn.(*guest).wake() // so that it can't be dismissed
				}
				result := make(chan error)
				go func() {
					_, err := in.Accept()
					result <- err
				}()
				synctest.Wait()
				_ = in.Close()
				if err := <-result; !errors.Is(err, net.ErrClosed) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// TestIdleConnectionsMakeRoom fills every place with connections that wait
// after an answer or never asked, and with one whose request is under way.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	const places = 4
	d := start(t, func(d *daemon) { d.server.most = places })
	d.link("main")
	d.client.CloseIdleConnections()
	begun, done := d.holdSend()
	<-begun
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	ask := func(conn net.Conn) {
		t.Helper()
		if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != http.StatusOK {
			t.Errorf("answers %d", res.StatusCode)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	first := dial()
	ask(first)
	began := time.Now()
	for range places {
		dial() // and say nothing
		dial()
		ask(dial())
	}
	if took := time.Since(began); took > 2*places*safeIdle {
		t.Errorf("making room took %v", took)
	}
	if n := d.openConns(); n > places {
		t.Errorf("%d connections are open", n)
	}
	if _, err := first.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the connection that idled longest is still open: %v", err)
	}
	close(d.network.hold)
	if r := <-done; r.status != http.StatusOK {
		t.Errorf("the request under way is answered with %+v", r)
	}
}

// openConns is how many connections have a place.
func (d *daemon) openConns() int {
	d.server.mu.Lock()
	in := d.server.listener.(*intake)
	d.server.mu.Unlock()
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.guests)
}

// TestBusyConnectionsKeepTheirPlace has more clients than places, each of which
// gets its answers in the end.
func TestBusyConnectionsKeepTheirPlace(t *testing.T) {
	d := start(t, func(d *daemon) { d.server.most = 2 })
	results := make(chan error)
	const clients = 12
	for range clients {
		go func() {
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
			for range 20 {
				res, err := client.Get(d.url + "/healthz")
				if err == nil {
					_, err = io.Copy(io.Discard, res.Body)
					_ = res.Body.Close()
				}
				if err == nil && res.StatusCode != http.StatusOK {
					err = fmt.Errorf("answers %d", res.StatusCode)
				}
				if err != nil {
					results <- err
					return
				}
			}
			results <- nil
		}()
	}
	for range clients {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}
