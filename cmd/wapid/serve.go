package main

import (
	"context"
	"fmt"

	"wapid/engine/whatsapp"
)

type serveCommand struct {
	settings `embed:""`
	Data     string `help:"Data directory (default ${default})." default:"./data" env:"WAPID_DATA" placeholder:"DIR"`
	Network  string `help:"Connect to the simulated network that this file describes instead of to WhatsApp." env:"WAPID_NETWORK" placeholder:"FILE"`
	Pprof    string `help:"Serve Go's profiles of the running process on this loopback address (default: nowhere)." env:"WAPID_PPROF" placeholder:"HOST:PORT"`
}

// Run is the daemon: it serves until it is told to stop.
func (c *serveCommand) Run(env *environment) error {
	var endpoint *whatsapp.Endpoint
	if c.Network != "" {
		var err error
		if endpoint, err = whatsapp.ReadEndpoint(c.Network); err != nil {
			return err
		}
	}
	log, err := newLog(c.LogLevel, c.LogFormat, env.stderr)
	if err != nil {
		return usageError{err}
	}
	undo, err := adoptStandardLog(log)
	if err != nil {
		return err
	}
	defer undo()
	prof, err := openProfiles(c.Pprof)
	if err != nil {
		return err
	}
	a, err := openApp(env.ctx, appConfig{settings: c.settings, Data: c.Data, Endpoint: endpoint, Log: log, Clock: env.clock, Profiles: prof})
	if err != nil {
		return err
	}
	if err := banner(env, a, c.Data); err != nil {
		return joinClose(err, a)
	}
	if a.scrapes != nil {
		fmt.Fprintf(env.stdout, "Metrics: %s\n", a.scrapes.URL())
	}
	if prof != nil {
		fmt.Fprintf(env.stdout, "Profiles: %s\n", prof.URL())
	}
	if err := a.Run(env.ctx); err != nil {
		return fmt.Errorf("%w", joinClose(err, a))
	}
	return a.close()
}

func joinClose(err error, a *app) error {
	if closeErr := a.close(); closeErr != nil {
		return fmt.Errorf("%w; and at closing: %w", err, closeErr)
	}
	return err
}

// banner tells the person at the terminal where the daemon is, which network it
// speaks to, how to open the dashboard and, once in its life, its keys.
func banner(env *environment, a *app, data string) error {
	w := env.stdout
	fmt.Fprintf(w, "wapid %s · API %s · network: %s · data: %s\n", version, a.URL(), networkName(a), data)
	if a.NewAPIKey != "" {
		fmt.Fprintf(w, "API key of the default tenant (shown this once): %s\n", a.NewAPIKey)
	}
	if a.NewAdminKey != "" {
		fmt.Fprintf(w, "Operator's admin key (shown this once; for /api/admin, in X-Admin-Key): %s\n", a.NewAdminKey)
	}
	// Somebody who stops the daemon at this very moment has not made it fail.
	link, err := a.api.LoginLink(context.WithoutCancel(env.ctx), a.visitURL())
	if err != nil {
		return fmt.Errorf("link to the dashboard: %w", err)
	}
	fmt.Fprintf(w, "Dashboard: %s (logs in once, within an hour)\n", link)
	return nil
}

func networkName(a *app) string {
	if a.network.Info().Simulated {
		return "simulated"
	}
	return "WhatsApp"
}
