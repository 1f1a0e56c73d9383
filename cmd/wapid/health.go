package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// healthCommand is the health check of containers that hold nothing else to ask with.
type healthCommand struct {
	URL     string        `help:"Base URL of the API, instead of the daemon that runs on the data directory." placeholder:"URL"`
	Data    string        `help:"Data directory (default ${default})." default:"./data" env:"WAPID_DATA" placeholder:"DIR"`
	Ready   bool          `help:"Ask whether it can do its work (/readyz) and not only whether it answers (/healthz)."`
	Timeout time.Duration `help:"How long it may take to answer (default ${default})." default:"5s" placeholder:"DURATION"`
}

// Run ends without an error if the daemon is well. It prints what the daemon says.
func (c *healthCommand) Run(env *environment) error {
	client, base := localClient(c.Timeout), strings.TrimRight(c.URL, "/")
	if base == "" {
		access, err := readOperator(c.Data)
		if err != nil {
			return err
		}
		base = access.URL
	} else {
		client.Transport = http.DefaultTransport // which checks certificates
	}
	path := "/healthz"
	if c.Ready {
		path = "/readyz"
	}
	return askHealth(env.ctx, env.stdout, client, base+path)
}

func askHealth(ctx context.Context, w io.Writer, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return usageError{errors.New("--url must be http:// or https:// and a host")}
	}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("the daemon does not answer: %w", err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxShellAnswer))
	if err != nil {
		return fmt.Errorf("the daemon's answer broke off: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		var failure struct {
			Error   string
			Reasons []string
		}
		if err := json.Unmarshal(raw, &failure); err != nil || failure.Error == "" {
			return fmt.Errorf("the daemon answered with status %d", res.StatusCode)
		}
		return errors.New(strings.Join(append([]string{failure.Error}, failure.Reasons...), ": "))
	}
	fmt.Fprintf(w, "%s\n", raw)
	return nil
}
