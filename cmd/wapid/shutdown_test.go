package main

import (
	"errors"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

func TestShutdownIsSharedOut(t *testing.T) {
	for total, want := range map[time.Duration]shutdownShares{
		40 * time.Second: {15 * time.Second, 15 * time.Second, 5 * time.Second, 2500 * time.Millisecond},
		8 * time.Second:  {3 * time.Second, 3 * time.Second, time.Second, 500 * time.Millisecond},
		time.Hour:        {15 * time.Second, 15 * time.Second, 5 * time.Second, 5 * time.Second},
	} {
		if got := shareShutdown(total); got != want {
			t.Errorf("%v is shared out as %+v", total, got)
		}
	}
}

func TestDeadlineEndsTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var aborted atomic.Int32
		d := deadline{within: 40 * time.Second, log: zap.NewNop(), abort: func() { aborted.Add(1) }}
		d.met() // also without a begin
		d.begin()
		time.Sleep(39 * time.Second)
		d.met()
		time.Sleep(time.Hour)
		if aborted.Load() != 0 {
			t.Error("a shutdown that has ended in time is aborted")
		}
		d.begin()
		time.Sleep(39 * time.Second)
		synctest.Wait()
		if aborted.Load() != 0 {
			t.Error("a shutdown is aborted too early")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if aborted.Load() != 1 {
			t.Errorf("a shutdown that hangs is aborted %d times", aborted.Load())
		}
	})
}

// dawdle begins a request and does not end it.
func (d *daemon) dawdle(t *testing.T) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(d.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, "POST /api/whatsapp/session HTTP/1.1\r\nHost: x\r\nX-API-Key: "+d.key+"\r\nContent-Length: 100\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	d.must(t, 200, "GET", "/healthz", nil) // that connection has been accepted before this one
}

// TestShutdownCutsOffWhoDawdles has a client that would keep the daemon for 20 seconds.
func TestShutdownCutsOffWhoDawdles(t *testing.T) {
	d := startDaemon(t, "", startNetwork(t), t.TempDir(), "--shutdown-timeout", "4s")
	d.dawdle(t)
	begun := time.Now()
	d.stop(t)
	if took := time.Since(begun); took < 1500*time.Millisecond || took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
	if !strings.Contains(d.stderr.String(), "requests were cut off at shutdown") {
		t.Error("the log does not tell who was cut off")
	}
}

// TestShutdownDoesNotWaitForACollector that takes connections and says nothing: the time
// that is left is the databases'.
func TestShutdownDoesNotWaitForACollector(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	d := startDaemon(t, "", startNetwork(t), t.TempDir(), "--shutdown-timeout", "4s", "--otlp-endpoint", "http://"+silent.Addr().String())
	d.must(t, 200, "GET", "/api/whatsapp/sessions", nil)
	d.stop(t)
	if !strings.Contains(d.stderr.String(), "the last traces were not taken") {
		t.Error("the log does not tell that traces were left behind")
	}
}

// TestSecondSignalEndsAtOnce tells the daemon twice to stop.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	d := startDaemon(t, "", startNetwork(t), t.TempDir())
	d.dawdle(t)
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the shutdown has begun", func() bool { return strings.Contains(d.stderr.String(), `"stopping"`) })
	ended := make(chan error, 1)
	d.waited = true
	go func() {
		for d.stdout.Scan() {
		}
		ended <- d.cmd.Wait()
	}()
	begun := time.Now()
	err := d.signalUntil(t, ended)
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("the daemon ended with %v", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	d.closeIdle()
}

// signalUntil tells the process to stop until it has ended: the first time may come
// before it has stopped listening to signals.
func (d *daemon) signalUntil(t *testing.T, ended <-chan error) error {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-again.C:
			_ = d.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		case <-deadline.C:
			t.Fatal("the daemon does not end")
		}
	}
}
