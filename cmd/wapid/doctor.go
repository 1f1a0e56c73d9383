package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"wapid/engine/whatsapp"
	"wapid/store"
	"wapid/store/seal"
)

// checkLimit bounds each check. They run at the same time.
const checkLimit = 10 * time.Second

// verdict is what a check has come to.
type verdict string

const (
	wellVerdict    verdict = "ok"
	warnVerdict    verdict = "warn" // it works, or may, but somebody should look
	failVerdict    verdict = "FAIL" // it does not work
	skippedVerdict verdict = "skipped"
)

// remark is one line of the doctor's. It holds no secret and no phone number.
type remark struct {
	Check   string  `json:"check"`
	Verdict verdict `json:"verdict"`
	Message string  `json:"message"`
	Advice  string  `json:"advice,omitempty"`
}

func well(check, message string, args ...any) remark {
	return remark{check, wellVerdict, fmt.Sprintf(message, args...), ""}
}

func warn(check, advice, message string, args ...any) remark {
	return remark{check, warnVerdict, fmt.Sprintf(message, args...), advice}
}

func fail(check, advice, message string, args ...any) remark {
	return remark{check, failVerdict, fmt.Sprintf(message, args...), advice}
}

func skipped(check, message string, args ...any) remark {
	return remark{check, skippedVerdict, fmt.Sprintf(message, args...), ""}
}

// doctorCommand is `wapid doctor`. It takes the daemon's settings, to look at them and to
// reach what the daemon would.
type doctorCommand struct {
	settings `embed:""`
	Data     string `help:"Data directory (default ${default})." default:"./data" env:"WAPID_DATA" placeholder:"DIR"`
	Network  string `help:"Ask the simulated network that this file describes instead of WhatsApp." env:"WAPID_NETWORK" placeholder:"FILE"`
	Webhooks bool   `help:"Connect to the hosts of webhooks; nothing is posted (default ${default})." default:"true" negatable:""`
	JSON     bool   `help:"Print JSON." name:"json"`
}

// errUnwell ends a run with a status that scripts see.
var errUnwell = errors.New("something does not work: see the lines that begin with FAIL")

// Run makes all checks and prints a line for each.
func (c *doctorCommand) Run(env *environment) error {
	d, err := c.examine(env)
	if err != nil {
		return err
	}
	failed := false
	for _, f := range d {
		failed = failed || f.Verdict == failVerdict
	}
	if c.JSON {
		out := json.NewEncoder(env.stdout)
		out.SetIndent("", "  ")
		err = out.Encode(map[string]any{"ok": !failed, "checks": d})
	} else {
		err = printFindings(env.stdout, d)
	}
	if err == nil && failed {
		err = errUnwell
	}
	return err
}

func printFindings(w io.Writer, all []remark) error {
	for _, f := range all {
		line := fmt.Sprintf("%-8s %-15s %s", f.Verdict, f.Check, f.Message)
		if f.Advice != "" {
			line += " → " + f.Advice
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// patient is what the checks look at.
type patient struct {
	*doctorCommand
	env      *environment
	dir      string // the data directory, absolute
	there    bool   // it exists
	running  bool   // a daemon has it locked
	keys     seal.Keys
	keysErr  error
	endpoint *whatsapp.Endpoint
	// inspection is what the daemon's database holds, and why not.
	inspection func() (store.Inspection, error)
}

// check is one of the doctor's.
type check func(ctx context.Context, p *patient) []remark

// examine runs the checks beside each other and returns what they found, in their order.
func (c *doctorCommand) examine(env *environment) ([]remark, error) {
	p := &patient{doctorCommand: c, env: env}
	if c.Network != "" {
		var err error
		if p.endpoint, err = whatsapp.ReadEndpoint(c.Network); err != nil {
			return nil, err
		}
	}
	p.keys, p.keysErr = c.keys()
	ctx, cancel := context.WithTimeout(env.ctx, checkLimit)
	defer cancel()
	first, err := p.lookAround()
	if err != nil {
		return nil, err
	}
	if c.Network == "" && p.running {
		if first, err = p.meetSandbox(first); err != nil {
			return nil, err
		}
	}
	p.inspection = sync.OnceValues(func() (store.Inspection, error) { return p.inspect(ctx) })
	checks := []check{checkRoomAndOwner, checkOwnDatabase, checkDeviceStore, checkEncryption, checkDevices,
		checkNetwork, checkProxies, checkWebhooks, checkListen, checkTLS, checkSettings}
	found := make([][]remark, len(checks))
	var wg sync.WaitGroup
	for i, one := range checks {
		wg.Go(func() { found[i] = one(ctx, p) })
	}
	wg.Wait()
	all := first
	for _, some := range found {
		all = append(all, some...)
	}
	return all, nil
}

// plainly tells an error without what stands in it of addresses and numbers.
func plainly(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("it took longer than %v", checkLimit)
	case errors.Is(err, context.Canceled):
		return "it was interrupted"
	}
	text := redacted(oneLine(err))
	return strings.TrimSuffix(text, ".")
}
