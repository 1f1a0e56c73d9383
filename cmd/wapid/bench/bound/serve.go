package bound

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"wapid/cmd/wapid/bench/load"
)

// What a Command asks for.
const (
	Grow    = "grow"    // link clients until there are Sessions
	Load    = "load"    // send as Plan and Kind say
	Storm   = "storm"   // cut all sockets, wait until all are back
	Inbound = "inbound" // what has arrived since the last time, once there is Await of it
	Look    = "look"    // how many goroutines there are
	Save    = "save"    // end all connections and write the keys down, for the next process
)

// Command is one line to the process.
type Command struct {
	Do       string    `json:"do"`
	Sessions int       `json:"sessions,omitempty"`
	Kind     string    `json:"kind,omitempty"` // of Load: load.Repeat, load.First or load.Media
	From     int       `json:"from,omitempty"` // strangers and pictures up to here are used already
	Await    int       `json:"await,omitempty"`
	Plan     load.Plan `json:"plan,omitzero"`
}

// Answer is one line back.
type Answer struct {
	Error   string        `json:"error,omitempty"`
	Result  load.Result   `json:"result,omitzero"`  // of Load
	Took    time.Duration `json:"took,omitempty"`   // of the whole command
	Count   int           `json:"count,omitempty"`  // of Inbound and Look; of the first answer: sessions that have logged in
	Last    time.Time     `json:"last,omitzero"`    // of Inbound: when the latest came
	Latency load.Latency  `json:"latency,omitzero"` // of Inbound
}

// Options are how the process is started.
type Options struct {
	Network string // file that describes the simulated network
	Dir     string // where keys are kept
	SQL     bool   // in whatsmeow's own store instead of memory
	Numbers load.Numbers
}

// Serve connects the clients that dir knows, answers with their number, and then
// carries out one command a line until its input ends. Only what makes it
// impossible to go on is returned; a command that fails is answered so.
func Serve(ctx context.Context, opts Options, in io.Reader, out io.Writer) error {
	start := time.Now()
	f, err := openFleet(ctx, opts.Network, opts.Dir, opts.SQL)
	if err != nil {
		return err
	}
	answers := json.NewEncoder(out)
	err = f.connect(ctx)
	if err == nil {
		err = answers.Encode(Answer{Count: len(f.clients), Took: time.Since(start)})
	}
	s := server{fleet: f, numbers: opts.Numbers}
	for commands := json.NewDecoder(in); err == nil; {
		var c Command
		if err = commands.Decode(&c); err != nil {
			break
		}
		err = answers.Encode(s.carryOut(ctx, c))
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, f.close())
}

type server struct {
	fleet   *fleet
	numbers load.Numbers
}

func (s *server) carryOut(ctx context.Context, c Command) Answer {
	start := time.Now()
	answer, err := s.do(ctx, c)
	if err != nil {
		answer.Error = err.Error()
	}
	answer.Took = time.Since(start)
	return answer
}

func (s *server) do(ctx context.Context, c Command) (a Answer, err error) {
	f := s.fleet
	switch c.Do {
	case Grow:
		return a, f.grow(ctx, c.Sessions, s.numbers.Session)
	case Load:
		a.Result, err = load.Run(ctx, c.Plan, s.sender(c), func() (time.Duration, error) { return load.ProcessCPU(os.Getpid()) })
		return a, err
	case Storm:
		return a, f.storm(ctx)
	case Inbound:
		took, last, err := f.inbound.take(ctx, c.Await)
		return Answer{Count: len(took), Last: last, Latency: load.Summarise(took)}, err
	case Look:
		return Answer{Count: runtime.NumGoroutine()}, nil
	case Save:
		return a, f.save()
	default:
		return a, fmt.Errorf("unknown command %q", c.Do)
	}
}

// sender sends what a command asks for.
func (s *server) sender(c Command) load.Send {
	var used atomic.Int64 // strangers and pictures
	used.Store(int64(c.From))
	return func(ctx context.Context, session, n int) error {
		client := s.fleet.clients[session]
		switch c.Kind {
		case load.First:
			return client.text(ctx, s.numbers.Stranger(int(used.Add(1))), load.Text)
		case load.Media:
			return client.image(ctx, s.numbers.Friend(session, n), load.Picture(int(used.Add(1))))
		default:
			return client.text(ctx, s.numbers.Friend(session, n), load.Text)
		}
	}
}
