package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"wapid/engine"
	"wapid/engine/simnet"
	"wapid/engine/whatsapp"
	"wapid/store"
)

type sandboxCommand struct {
	settings `embed:""`
	Data     string `help:"Data directory (default ${default})." default:"./data/sandbox" env:"WAPID_DATA" placeholder:"DIR"`
	Sim      string `help:"Address of the simulated network (default ${default}: any free port)." default:"127.0.0.1:0" placeholder:"HOST:PORT"`
	Control  string `help:"Address of the simulated network's control API, loopback only (default ${default})." default:"127.0.0.1:9444" placeholder:"HOST:PORT"`
	Receiver string `help:"Address of the receiver that prints webhooks (default ${default})." default:"127.0.0.1:8081" placeholder:"HOST:PORT"`
}

// loopback is what the sandbox's webhooks may reach beside the public internet.
const loopback = "127.0.0.0/8,::1/128"

// sandboxNetwork is the file in the data directory that describes the sandbox's network.
const sandboxNetwork = "network.json"

// Run is the daemon, the simulated network and a webhook receiver in one process.
func (c *sandboxCommand) Run(env *environment) error {
	log, err := newLog(c.LogLevel, c.LogFormat, env.stderr)
	if err != nil {
		return usageError{err}
	}
	undo, err := adoptStandardLog(log)
	if err != nil {
		return err
	}
	defer undo()
	dir, err := dataDir(c.Data)
	if err != nil {
		return err
	}
	network, err := simnet.New(simnet.Config{
		Listen: c.Sim, Control: c.Control, State: filepath.Join(dir, "network.state"), Log: log.Named("simnet"),
	})
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: another sandbox runs here, or name free addresses with --listen, --control and --receiver", err)
	}
	if err != nil {
		return err
	}
	// The network outlives the daemon that it serves.
	netCtx, stopNetwork := context.WithCancel(context.WithoutCancel(env.ctx))
	netDone := make(chan error, 1)
	go func() { netDone <- network.Run(netCtx) }()
	err = c.serve(env, appConfig{settings: c.settings, Data: dir, Log: log}, network.Describe())
	stopNetwork()
	return errors.Join(err, <-netDone)
}

func (c *sandboxCommand) serve(env *environment, config appConfig, d simnet.Description) error {
	description := filepath.Join(config.Data, sandboxNetwork)
	raw, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(description, append(raw, '\n')); err != nil {
		return err
	}
	if config.Endpoint, err = whatsapp.ReadEndpoint(description); err != nil {
		return err
	}
	if config.APIKey == "" {
		if config.APIKey, err = sandboxKey(config.Data); err != nil {
			return err
		}
	}
	controls := newControls(d.Control)
	defer controls.close()
	config.Sandbox = controls.ask
	config.EgressAllow = strings.Trim(config.EgressAllow+","+loopback, ",")
	receiver, err := startReceiver(c.Receiver, env.stdout)
	if err != nil {
		return err
	}
	defer receiver.stop()
	a, err := openApp(env.ctx, config)
	if err != nil {
		return err
	}
	if err := receiver.subscribe(env.ctx, a.store, store.DefaultTenant); err != nil {
		return joinClose(err, a)
	}
	if err := banner(env, a, config.Data); err != nil {
		return joinClose(err, a)
	}
	if err := c.guide(env, a, config.APIKey, d.Control); err != nil {
		return joinClose(err, a)
	}
	if err := a.Run(env.ctx); err != nil {
		return joinClose(err, a)
	}
	return a.close()
}

// sandboxKey reads the sandbox's API key, or makes it: it stays readable in the
// sandbox's own directory, so that the printed commands can be copied at every start.
func sandboxKey(dir string) (string, error) {
	path := filepath.Join(dir, "api-key")
	raw, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(raw)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	key := "sandbox_" + rand.Text()
	return key, writeFile(path, []byte(key+"\n"))
}

// guide prints what to copy: create a session, let a virtual phone scan it,
// send a message, and let its recipient answer. A sandbox that was paired before
// does not need the first two.
func (c *sandboxCommand) guide(env *environment, a *app, key, control string) error {
	sessions, err := a.store.ListAllSessions(env.ctx)
	if err != nil {
		return err
	}
	linked := slices.ContainsFunc(sessions, func(s engine.Session) bool {
		return s.Key.Tenant == store.DefaultTenant && s.Key.ID == "main" && s.State.Identity.Device != ""
	})
	header := fmt.Sprintf("-H 'X-API-Key: %s'", key)
	jsonHeader := header + " -H 'Content-Type: application/json'"
	api := a.URL() + "/api/whatsapp/session"
	fmt.Fprint(env.stdout, `
This is a sandbox: no phone and no connection to WhatsApp is needed. Webhooks appear here.

In a browser: open the dashboard's link above, create a session, press Phone, then Scan.
By the API: copy these lines into another terminal.

`)
	if linked {
		fmt.Fprintln(env.stdout, "# Session main is linked from last time.")
	} else {
		fmt.Fprintf(env.stdout, `# 1. Create a session.
curl -s %[1]s %[2]s -d '{"sessionId":"main"}'
# 2. Let the virtual phone +91 98765 43210 scan its QR code.
curl -s '%[1]s/main/status?wait=10' %[3]s | curl -s '%[4]s/phones/919876543210/scan?wait=10' --data-binary @-
`, api, jsonHeader, header, control)
	}
	fmt.Fprintf(env.stdout, `# 3. Send a message from it to +91 98765 43211 …
curl -s %[1]s/main/send %[2]s -d '{"to":"919876543211","message":"Hello from wapid!"}'
#    … read it on that phone, and answer it:
curl -s '%[3]s/phones/919876543211/inbox?wait=10'
curl -s %[3]s/phones/919876543211/send -d '{"to":"919876543210","text":"Hello back!"}'

`, api, jsonHeader, control)
	return nil
}
