// Command wapid keeps WhatsApp linked-device sessions alive for many tenants and
// gives each of them a REST API.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"wapid/cmd/wapid/bench"
)

// version is set at build time with -ldflags "-X main.version=…".
var version = "0.1.0-dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// usageError is a mistake in how the program was called; its status is 2.
type usageError struct{ error }

// run is the whole program. It returns the exit status: 0, 1 for a failure, 2
// for wrong usage. Each error ends as one line on stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return (&environment{ctx: ctx, stdout: stdout, stderr: stderr, clock: time.Now}).run(args)
}

func (env *environment) run(args []string) int {
	err := env.execute(args)
	if err == nil || errors.Is(err, errHelp) {
		return 0
	}
	fmt.Fprintf(env.stderr, "wapid: %v\n", oneLine(err))
	if _, ok := errors.AsType[usageError](err); ok {
		return 2
	}
	return 1
}

// errHelp ends a run that only printed help or the version.
var errHelp = errors.New("help was shown")

func (env *environment) execute(args []string) (err error) {
	var cli commands
	exited := false
	parser, err := kong.New(&cli,
		kong.Name("wapid"),
		kong.Description("Keeps WhatsApp linked-device sessions alive and gives every tenant a REST API."),
		kong.Vars{"version": version, "scenarios": strings.Join(bench.Scenarios(), ", ")},
		kong.Writers(env.stdout, env.stderr),
		kong.Exit(func(int) { exited = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		return err
	}
	if err := configureFile(parser, args); err != nil {
		return usageError{err}
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	call, err := parser.Parse(args)
	if exited {
		return errHelp
	}
	if err != nil {
		return usageError{err}
	}
	return call.Run(env)
}

// environment is what a command gets from the process that runs it.
type environment struct {
	ctx            context.Context
	stdout, stderr io.Writer
	clock          func() time.Time // of all that is written down and decided by the time of day
}
