package bound

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mau.fi/libsignal/serialize"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"wapid/cmd/wapid/bench/load"
	"wapid/engine/simnet"
)

// fleetSize is small because linking a client takes a second under the race
// detector.
const fleetSize = 1

// startNetwork runs a simulated network until the test ends, and returns the file
// that describes it.
func startNetwork(t *testing.T) (*simnet.Server, string) {
	t.Helper()
	server, err := simnet.New(simnet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(server.Describe())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "network.json")
	if err = os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		for _, stanza := range server.Unhandled() {
			t.Errorf("the simulated network did not understand: %s", stanza)
		}
	})
	return server, file
}

// process is Serve with its two ends.
type process struct {
	t       *testing.T
	input   *io.PipeWriter
	answers *json.Decoder
	done    chan error
}

func serve(t *testing.T, opts Options) (*process, Answer) {
	t.Helper()
	in, input := io.Pipe()
	output, out := io.Pipe()
	p := &process{t: t, input: input, answers: json.NewDecoder(output), done: make(chan error, 1)}
	go func() { p.done <- Serve(t.Context(), opts, in, out) }()
	return p, p.answer()
}

func (p *process) answer() Answer {
	p.t.Helper()
	var a Answer
	if err := p.answers.Decode(&a); err != nil {
		p.t.Fatal(err)
	}
	if a.Error != "" {
		p.t.Fatal(a.Error)
	}
	return a
}

func (p *process) do(c Command) Answer {
	p.t.Helper()
	if err := json.NewEncoder(p.input).Encode(c); err != nil {
		p.t.Fatal(err)
	}
	return p.answer()
}

func (p *process) end() {
	p.t.Helper()
	if err := p.input.Close(); err != nil {
		p.t.Error(err)
	}
	if err := <-p.done; err != nil {
		p.t.Error(err)
	}
}

// TestBothStores links a raw client, lets it write and be written to, cuts its
// socket, and starts it again from what it has kept.
func TestBothStores(t *testing.T) {
	network, file := startNetwork(t)
	for series, inSQL := range []bool{false, true} {
		t.Run(fmt.Sprintf("in SQL %t", inSQL), func(t *testing.T) {
			opts := Options{Network: file, Dir: t.TempDir(), SQL: inSQL, Numbers: load.Numbers{Series: series}}
			n := opts.Numbers
			p, first := serve(t, opts)
			if first.Count != 0 {
				t.Fatalf("%d clients at first", first.Count)
			}
			p.do(Command{Do: Grow, Sessions: fleetSize})
			plan := load.Plan{Sessions: fleetSize, Workers: fleetSize, Duration: time.Minute, Limit: 8}
			for _, kind := range []string{load.Repeat, load.First, load.Media} {
				if got := p.do(Command{Do: Load, Kind: kind, Plan: plan}); got.Result.Total != 8 || got.Result.Errors != 0 {
					t.Errorf("%s: %+v", kind, got.Result)
				}
			}
			arrived(t, network.Phone(n.Friend(0, 0)), load.Text)
			arrived(t, network.Phone(n.Stranger(1)), load.Text)
			hear(t, network, p, n)
			p.do(Command{Do: Storm})
			if p.do(Command{Do: Look}).Count < 3 {
				t.Error("no goroutines")
			}
			p.do(Command{Do: Save})
			p.end()

			p, again := serve(t, opts)
			if again.Count != fleetSize {
				t.Errorf("%d clients after a restart", again.Count)
			}
			// The sessions with friends are kept: nobody has to ask for a message again.
			if got := p.do(Command{Do: Load, Kind: load.Repeat, Plan: plan}); got.Result.Total != 8 || got.Result.Errors != 0 {
				t.Errorf("after a restart: %+v", got.Result)
			}
			hear(t, network, p, n)
			p.end()
		})
	}
}

// arrived waits until a phone has a text.
func arrived(t *testing.T, phone *simnet.Phone, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := phone.Await(ctx, func(r simnet.Received) bool { return r.Text == text && r.Copies == 1 }); err != nil {
		t.Error(err)
	}
}

// hear lets friends write to both sessions.
func hear(t *testing.T, network *simnet.Server, p *process, n load.Numbers) {
	t.Helper()
	p.do(Command{Do: Inbound})
	for session := range fleetSize {
		to := types.NewJID(n.Session(session), types.DefaultUserServer)
		for range 6 / fleetSize {
			text := fmt.Sprintf("hello @%d", time.Now().UnixNano())
			if _, err := network.Phone(n.Friend(session, 0)).SendText(t.Context(), to, text); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := p.do(Command{Do: Inbound, Await: 6})
	if got.Count != 6 || got.Latency.P50 <= 0 || got.Latency.Max > time.Minute || got.Last.IsZero() {
		t.Errorf("%+v", got)
	}
}

func TestWhatCannotBeDone(t *testing.T) {
	_, file := startNetwork(t)
	in, input := io.Pipe()
	output, out := io.Pipe()
	var group sync.WaitGroup
	group.Go(func() {
		if err := Serve(t.Context(), Options{Network: file, Dir: t.TempDir()}, in, out); err == nil {
			t.Error("something that is no command was taken")
		}
		out.Close()
	})
	answers := json.NewDecoder(output)
	var first, second Answer
	if err := answers.Decode(&first); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(input, `{"do":"dance"}`+"\nnot JSON\n"); err != nil {
		t.Fatal(err)
	}
	if err := answers.Decode(&second); err != nil || !strings.Contains(second.Error, "dance") {
		t.Errorf("%+v %v", second, err)
	}
	group.Wait()
	if err := Serve(t.Context(), Options{Network: "/nowhere", Dir: t.TempDir()}, strings.NewReader(""), io.Discard); err == nil {
		t.Error("a network that is not there was found")
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestBoundKeepsItsSerializer: what the daemon is held against writes its sessions as
// whatsmeow does by itself.
func TestBoundKeepsItsSerializer(t *testing.T) {
	if _, ok := store.SignalProtobufSerializer.Session.(*serialize.JSONSessionSerializer); !ok {
		t.Errorf("sessions are written by %T", store.SignalProtobufSerializer.Session)
	}
}
