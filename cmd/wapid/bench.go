package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"wapid/cmd/wapid/bench"
	"wapid/cmd/wapid/bench/bound"
	"wapid/cmd/wapid/bench/load"
	"wapid/cmd/wapid/bench/report"
)

type benchCommand struct {
	Sessions  []int         `help:"How many sessions, growing (default ${default})." default:"1,50,200,1000,5000" placeholder:"N,…"`
	Scenarios []string      `help:"What is measured, unless given all that matters at each number of sessions: ${scenarios}." placeholder:"NAME,…"`
	Runs      int           `help:"How often each measurement is made (default ${default}); the table shows medians." default:"5" placeholder:"N"`
	Duration  time.Duration `help:"Measured time of each (default ${default})." default:"2500ms" placeholder:"TIME"`
	WarmUp    time.Duration `help:"Load before the measured time (default ${default})." default:"500ms" placeholder:"TIME"`
	Rest      time.Duration `help:"Rest before memory is looked at (default ${default})." default:"5s" placeholder:"TIME"`
	Latency   time.Duration `help:"What the network adds to each of its answers (default ${default})." default:"0s" placeholder:"TIME"`
	JSON      string        `help:"Write everything that was measured to this file." name:"json" placeholder:"FILE"`
	Dir       string        `help:"Directory for what is written on the way, on the disk that is to be measured; a new one that is removed at the end, unless given." placeholder:"DIR"`
	Profiles  string        `help:"Write profiles of the daemon's CPU time and heap into this directory instead of measuring (repeat, first, inbound and media)." placeholder:"DIR"`
	DaemonArg []string      `help:"A flag for the daemon that is started, such as --log-level=debug; may be given several times." sep:"none" placeholder:"FLAG"`
	URL       string        `help:"Measure this running daemon, which must be on a simulated network." placeholder:"URL"`
	AdminKey  string        `help:"The running daemon's admin key." placeholder:"KEY"`
	Control   string        `help:"The controls of the running daemon's network." placeholder:"URL"`
	PID       int           `help:"The running daemon's process, if it is on this machine." name:"pid" placeholder:"PID"`
}

// Run measures, prints the table, and writes the JSON.
func (c *benchCommand) Run(env *environment) (err error) {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	if err := c.canWrite(); err != nil {
		return err
	}
	opts := bench.Options{
		Sessions: c.Sessions, Scenarios: c.Scenarios, Runs: c.Runs, WarmUp: c.WarmUp, Duration: c.Duration, Rest: c.Rest,
		Latency: c.Latency, Profiles: c.Profiles, Dir: c.Dir, Program: program, Version: version, DaemonArgs: c.DaemonArg,
		URL: c.URL, AdminKey: c.AdminKey, Control: c.Control, PID: c.PID, Progress: env.stderr,
	}
	if opts.Dir == "" {
		if opts.Dir, err = os.MkdirTemp(".", "bench-*"); err != nil {
			return err
		}
		defer func() {
			if removeErr := os.RemoveAll(opts.Dir); err == nil {
				err = removeErr
			}
		}()
	}
	rep, err := bench.Run(env.ctx, opts)
	if rep == nil {
		return err
	}
	// What was measured before a run was broken off is worth having.
	return errors.Join(err, c.show(env, rep))
}

// canWrite finds out whether the JSON can be written: after an hour of measuring it
// would be late for that.
func (c *benchCommand) canWrite() error {
	if c.JSON == "" {
		return nil
	}
	if info, err := os.Stat(c.JSON); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a directory", c.JSON)
	}
	trial, err := os.CreateTemp(filepath.Dir(c.JSON), filepath.Base(c.JSON)+".*")
	if err != nil {
		return err
	}
	return errors.Join(trial.Close(), os.Remove(trial.Name()))
}

// show prints the tables and writes the JSON.
func (c *benchCommand) show(env *environment, rep *report.Report) error {
	if err := rep.WriteTables(env.stdout); err != nil {
		return err
	}
	if c.JSON == "" {
		return nil
	}
	raw, err := json.MarshalIndent(rep, "", " ")
	if err != nil {
		return err
	}
	return writeFile(c.JSON, append(raw, '\n'))
}

// boundCommand is the process of the bound, which `bench` starts.
type boundCommand struct {
	Network string `required:"" placeholder:"FILE"`
	Dir     string `required:"" placeholder:"DIR"`
	Series  int    `placeholder:"N"`
	SQL     bool   `name:"sql"`
}

// Run carries out what comes in on the standard input.
func (c *boundCommand) Run(env *environment) error {
	opts := bound.Options{Network: c.Network, Dir: c.Dir, SQL: c.SQL, Numbers: load.Numbers{Series: c.Series}}
	return bound.Serve(env.ctx, opts, os.Stdin, env.stdout)
}
