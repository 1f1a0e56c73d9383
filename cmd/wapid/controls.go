package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"wapid/httpapi"
)

const (
	// controlsPatience is how long the controls may take: as long as the longest
	// wait that they are asked for, and somewhat.
	controlsPatience = 70 * time.Second
	// controlsAnswer is the largest answer of theirs that is passed on, in bytes.
	controlsAnswer = 32 << 20
)

// controls reaches the controls of the sandbox's own network for the API, which
// has asked who is there: they themselves take orders from everybody on this
// machine, but from no web page.
type controls struct {
	url    string
	client *http.Client
}

func newControls(url string) *controls {
	return &controls{url: url, client: &http.Client{Transport: &http.Transport{}, Timeout: controlsPatience}}
}

// ask implements httpapi.Sandbox. Nothing of the caller's request goes along but
// what is given here, no headers in particular.
func (c *controls) ask(ctx context.Context, method, path string, body []byte) (httpapi.SandboxAnswer, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return httpapi.SandboxAnswer{}, err
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return httpapi.SandboxAnswer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, controlsAnswer+1))
	if err != nil {
		return httpapi.SandboxAnswer{}, err
	}
	if len(raw) > controlsAnswer {
		return httpapi.SandboxAnswer{}, fmt.Errorf("the answer is larger than %d bytes", controlsAnswer)
	}
	return httpapi.SandboxAnswer{
		Status: resp.StatusCode, Type: resp.Header.Get("Content-Type"), Disposition: resp.Header.Get("Content-Disposition"), Body: raw,
	}, nil
}

func (c *controls) close() { c.client.CloseIdleConnections() }
