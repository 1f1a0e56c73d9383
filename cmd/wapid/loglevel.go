package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"go.uber.org/zap"

	"wapid/httpapi"
)

// logLevelCommand is `wapid log-level`: it shows or changes how much the log of the
// daemon tells that runs on a data directory.
type logLevelCommand struct {
	Data   string        `help:"Data directory of the daemon (default ${default})." default:"./data" env:"WAPID_DATA" placeholder:"DIR"`
	Level  string        `arg:"" optional:"" help:"debug, info, warn, error, or default for what the settings say; without it the levels are shown."`
	Logger string        `help:"Of one logger only, such as whatsapp, engine, webhooks, bulk, api or store." placeholder:"NAME"`
	For    time.Duration `help:"Go back to what it was after this time, such as 10m." placeholder:"TIME"`
}

// Run asks the daemon and prints what its log tells from here on.
func (c *logLevelCommand) Run(env *environment) error {
	shell, err := (&tenantCommand{Data: c.Data}).connect(env)
	if err != nil {
		return err
	}
	method, body := http.MethodGet, map[string]any(nil)
	if c.Level != "" {
		method, body = http.MethodPut, map[string]any{"level": c.Level}
		putText(body, "logger", c.Logger)
		if c.For != 0 {
			body["for"] = int(c.For.Seconds())
		}
	}
	raw, err := shell.call(method, "/api/admin/log-level", body)
	if err != nil {
		return err
	}
	return printLogLevels(env.stdout, raw)
}

func printLogLevels(w io.Writer, raw []byte) error {
	type entry struct {
		Logger, Level string
		Until         int64
	}
	var answer struct {
		entry
		Loggers []entry
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("the daemon's answer can't be read: %w", err)
	}
	for _, e := range append([]entry{{"everything", answer.Level, answer.Until}}, answer.Loggers...) {
		until := ""
		if e.Until > 0 {
			until = " until " + time.UnixMilli(e.Until).Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%-12s %s%s\n", e.Logger, e.Level, until)
	}
	return nil
}

// logLevels is how the log's levels are changed while the app lives; nil if they can't be.
func (a *app) logLevels(log *zap.Logger) httpapi.LogLevels {
	l := levelsOf(log)
	if l == nil {
		return nil
	}
	a.closers = append(a.closers, func() error { l.close(); return nil })
	return l
}
