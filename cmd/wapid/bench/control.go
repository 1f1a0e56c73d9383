package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// caller calls JSON APIs, the network's controls and the daemon's, where speed
// does not matter.
type caller struct {
	base   string
	header http.Header
	client *http.Client
}

// call sends body, if there is one, and decodes the answer into into, if it is
// not nil. Any status but 2xx is an error with the answer's text.
func (c *caller) call(ctx context.Context, method, path string, body, into any) error {
	var payload io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, payload)
	if err != nil {
		return err
	}
	for name, values := range c.header {
		req.Header[name] = values
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s answered %d: %s", method, path, resp.StatusCode, raw)
	}
	if into == nil {
		return nil
	}
	if err = json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s %s answered %q: %w", method, path, raw, err)
	}
	return nil
}
