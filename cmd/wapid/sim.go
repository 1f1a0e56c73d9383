package main

import (
	"encoding/json"
	"fmt"
	"os"

	"wapid/engine/simnet"
)

type simCommand struct {
	Listen       string   `help:"Address of the simulated servers, TLS (default ${default})." default:"127.0.0.1:9443" placeholder:"HOST:PORT"`
	Control      string   `help:"Address of the control API, loopback only; off for none (default ${default})." default:"127.0.0.1:9444" placeholder:"HOST:PORT"`
	Describe     string   `help:"Write how to reach the network to this file, for serve --network." placeholder:"FILE"`
	State        string   `help:"Keep the network's state in this file across restarts." placeholder:"FILE"`
	NotOnNetwork []string `help:"Numbers that have no account." name:"not-on-whatsapp" placeholder:"NUMBER,…"`
	LogLevel     string   `help:"debug, info, warn or error (default ${default})." enum:"debug,info,warn,error" default:"info"`
	LogFormat    string   `help:"console or json (default ${default})." enum:"console,json" default:"console"`
}

// Run is the simulated network alone, for a daemon in another process.
func (c *simCommand) Run(env *environment) error {
	log, err := newLog(c.LogLevel, c.LogFormat, env.stderr)
	if err != nil {
		return usageError{err}
	}
	undo, err := adoptStandardLog(log)
	if err != nil {
		return err
	}
	defer undo()
	if err := simnet.CheckNumbers(c.NotOnNetwork...); err != nil {
		return usageError{fmt.Errorf("--not-on-whatsapp: %w", err)}
	}
	server, err := simnet.New(simnet.Config{Listen: c.Listen, Control: c.Control, State: c.State, Log: log})
	if err != nil {
		return err
	}
	server.SetAbsent(c.NotOnNetwork...)
	d := server.Describe()
	if c.Describe != "" {
		raw, err := json.MarshalIndent(d, "", "  ")
		if err != nil {
			return err
		}
		if err := writeFile(c.Describe, append(raw, '\n')); err != nil {
			return fmt.Errorf("network description: %w", err)
		}
	}
	fmt.Fprintf(env.stdout, "simulated WhatsApp network on %s · control %s\n", d.Address, d.Control)
	return server.Run(env.ctx)
}

// writeFile replaces a file at once, so that nobody reads half of it.
func writeFile(path string, content []byte) error {
	next := path + ".new"
	if err := os.WriteFile(next, content, 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}
