package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"wapid/cmd/wapid/bench/bound"
	"wapid/cmd/wapid/bench/load"
	"wapid/cmd/wapid/bench/report"
)

// rawFleet is the process of the bound.
type rawFleet struct {
	child   *child
	inSQL   bool
	numbers load.Numbers
	size    int
	used    int // strangers and pictures
}

// startRaw starts the bound's process and returns when all clients that it knows
// from before are logged in, and how long that took since the start. When they
// are not in time, or the context ends, the process does too.
func (h *harness) startRaw(ctx context.Context, inSQL bool, size int) (*rawFleet, time.Duration, error) {
	f := &rawFleet{inSQL: inSQL, size: size, numbers: h.rawNumbers()}
	if inSQL {
		f.numbers = h.sqlNumbers()
	}
	args := []string{"bench-bound", "--network", h.path("network.json"), "--dir", h.path("bound"), "--series", strconv.Itoa(f.numbers.Series)}
	if inSQL {
		args = append(args, "--sql")
	}
	begun := time.Now()
	var err error
	if f.child, err = h.start("bound", nil, args...); err != nil {
		return nil, 0, err
	}
	late, cancel := context.WithTimeout(ctx, restartPatience(size))
	defer cancel()
	answer, err := f.awaitAnswer(late)
	if err != nil {
		err = fmt.Errorf("the start of the bound with %d clients: %w", size, err)
	} else if answer.Count != size {
		err = fmt.Errorf("the bound knows %d clients instead of %d", answer.Count, size)
	}
	return f, time.Since(begun), err
}

// do carries out one command. When the context ends, the process does too.
func (f *rawFleet) do(ctx context.Context, c bound.Command) (bound.Answer, error) {
	raw, err := json.Marshal(c)
	if err != nil {
		return bound.Answer{}, err
	}
	if _, err = f.child.input.Write(append(raw, '\n')); err != nil {
		return bound.Answer{}, fmt.Errorf("bound: %w\n%s", err, f.child.tail())
	}
	answer, err := f.awaitAnswer(ctx)
	if err != nil {
		return answer, fmt.Errorf("bound, %s: %w", c.Do, err)
	}
	return answer, nil
}

// awaitAnswer ends the process when the context ends before its answer.
func (f *rawFleet) awaitAnswer(ctx context.Context) (bound.Answer, error) {
	defer context.AfterFunc(ctx, func() { _ = f.child.stop() })()
	answer, err := f.answer()
	if err != nil && ctx.Err() != nil {
		return answer, ctx.Err()
	}
	return answer, err
}

func (f *rawFleet) answer() (bound.Answer, error) {
	line, err := f.child.line()
	if err != nil {
		return bound.Answer{}, err
	}
	var a bound.Answer
	if err = json.Unmarshal([]byte(line), &a); err != nil {
		return a, fmt.Errorf("bound answered %q: %w", line, err)
	}
	if a.Error != "" {
		return a, errors.New(a.Error)
	}
	return a, nil
}

func (f *rawFleet) grow(ctx context.Context, size int) error {
	if size <= f.size {
		return nil
	}
	_, err := f.do(ctx, bound.Command{Do: bound.Grow, Sessions: size})
	f.size = size
	return err
}

// load has the process send and measure itself.
func (f *rawFleet) load(ctx context.Context, kind string, plan load.Plan) (load.Result, error) {
	answer, err := f.do(ctx, bound.Command{Do: bound.Load, Kind: kind, Plan: plan, From: f.used})
	f.used += answer.Result.Total + answer.Result.Errors + 2*maxWorkers
	return answer.Result, err
}

func (f *rawFleet) meter() load.Meter {
	return func() (time.Duration, error) { return load.ProcessCPU(f.child.pid()) }
}

func (f *rawFleet) side() report.Side {
	if f.inSQL {
		return report.SQL
	}
	return report.Bound
}
