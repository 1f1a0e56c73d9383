package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

const (
	tenantsPath = "/api/admin/tenants"
	adminPage   = "200" // entries that one request asks for
	// shellTimeout bounds one request of a command.
	shellTimeout = time.Minute
	// maxShellAnswer is the largest answer that a command reads, in bytes.
	maxShellAnswer = 16 << 20
)

// tenantPath is the path of a tenant, or of something below it.
func tenantPath(id string, below ...string) string {
	path := tenantsPath + "/" + url.PathEscape(id)
	for _, segment := range below {
		path += "/" + url.PathEscape(segment)
	}
	return path
}

// operatorShell calls the admin API of the daemon that runs on a data directory.
type operatorShell struct {
	ctx    context.Context
	dir    string
	access operatorAccess
	client *http.Client
}

// connectShell finds the daemon of a data directory. It returns an error that says so
// if none runs there.
func connectShell(env *environment, dir string) (*operatorShell, error) {
	access, err := readOperator(dir)
	if err != nil {
		return nil, err
	}
	return &operatorShell{env.ctx, dir, access, localClient(0)}, nil
}

func (t *tenantCommand) connect(env *environment) (*operatorShell, error) {
	return connectShell(env, t.Data)
}

// localClient asks the daemon of this machine, without a proxy. It does not check a
// certificate: that is for the public name, and who could answer in the place of the
// daemon on its own machine could also do so where it speaks plain HTTP.
func localClient(timeout time.Duration) *http.Client {
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	return &http.Client{Transport: transport, Timeout: timeout}
}

// do calls a route and prints its answer.
func (t *tenantCommand) do(env *environment, method, path string, body map[string]any, show func(io.Writer, []byte) error) error {
	shell, err := t.connect(env)
	if err != nil {
		return err
	}
	raw, err := shell.call(method, path, body)
	if err != nil {
		return err
	}
	return t.print(env, raw, show)
}

// print writes an answer for people, or as it is.
func (t *tenantCommand) print(env *environment, raw []byte, show func(io.Writer, []byte) error) error {
	if !t.JSON {
		return show(env.stdout, raw)
	}
	_, err := fmt.Fprintf(env.stdout, "%s\n", raw)
	return err
}

// refusedError is an answer of the daemon that is no success.
type refusedError struct {
	status  int
	message string
}

func (e *refusedError) Error() string { return e.message }

// call sends a request and returns the body of a success. Any other answer is a
// *refusedError.
func (s *operatorShell) call(method, path string, body map[string]any) (answer []byte, err error) {
	var content io.Reader
	header := http.Header{}
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(raw)
		header.Set("Content-Type", "application/json")
	}
	err = s.within(shellTimeout, method, path, header, content, func(from io.Reader) error {
		answer, err = io.ReadAll(io.LimitReader(from, maxShellAnswer))
		return err
	})
	return answer, err
}

// stream is call for files, in either direction; take reads the answer.
func (s *operatorShell) stream(method, path string, header http.Header, content io.Reader, take func(io.Reader) error) error {
	return s.within(moveTimeout, method, path, header, content, take)
}

// within sends a request that may last for some time with all of its answer.
func (s *operatorShell) within(limit time.Duration, method, path string, header http.Header, content io.Reader, take func(io.Reader) error) error {
	ctx, cancel := context.WithTimeout(s.ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.access.URL+path, content)
	if err != nil {
		return err
	}
	req.Header = header
	req.Header.Set("X-Admin-Key", s.access.Key)
	res, err := s.client.Do(req)
	if errors.Is(err, syscall.ECONNREFUSED) { // a daemon that was killed leaves its file behind
		return noDaemon(s.dir)
	}
	if err != nil {
		return fmt.Errorf("the daemon does not answer: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode < 300 {
		if err := take(res.Body); err != nil {
			return fmt.Errorf("the daemon's answer broke off: %w", err)
		}
		return nil
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxShellAnswer))
	if err != nil {
		return fmt.Errorf("the daemon's answer broke off: %w", err)
	}
	return s.refused(res.StatusCode, raw)
}

func (s *operatorShell) refused(status int, raw []byte) error {
	if status == http.StatusUnauthorized { // another program has taken the port of a daemon that was killed
		return noDaemon(s.dir)
	}
	var failure struct{ Error, Code string }
	if err := json.Unmarshal(raw, &failure); err != nil || failure.Error == "" {
		return &refusedError{status, fmt.Sprintf("the daemon answered with status %d", status)}
	}
	return &refusedError{status, fmt.Sprintf("%s (%s)", failure.Error, failure.Code)}
}

// listTenants reads all pages of the list of tenants into one.
func (s *operatorShell) listTenants() ([]byte, error) {
	var all struct {
		Tenants []json.RawMessage `json:"tenants"`
		Total   int               `json:"total"`
	}
	err := s.eachPage(tenantsPath, url.Values{}, func(raw []byte) (next string, err error) {
		var page struct {
			Tenants    []json.RawMessage
			Total      int
			NextCursor string
		}
		err = json.Unmarshal(raw, &page)
		all.Tenants, all.Total = append(all.Tenants, page.Tenants...), page.Total
		return page.NextCursor, err
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(all)
}

// sumUsage reads all pages of what the tenants have sent into one.
func (s *operatorShell) sumUsage(days url.Values) ([]byte, error) {
	var all struct {
		From    string            `json:"from"`
		To      string            `json:"to"`
		Total   int               `json:"total"`
		Tenants []json.RawMessage `json:"tenants"`
	}
	err := s.eachPage("/api/admin/usage", days, func(raw []byte) (next string, err error) {
		var page struct {
			From, To   string
			Total      int
			Tenants    []json.RawMessage
			NextCursor string
		}
		err = json.Unmarshal(raw, &page)
		all.From, all.To, all.Total = page.From, page.To, page.Total
		all.Tenants = append(all.Tenants, page.Tenants...)
		return page.NextCursor, err
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(all)
}

// eachPage reads a list page by page; take returns the next one's cursor.
func (s *operatorShell) eachPage(path string, query url.Values, take func(raw []byte) (next string, err error)) error {
	query.Set("limit", adminPage)
	for {
		raw, err := s.call(http.MethodGet, path+"?"+query.Encode(), nil)
		if err != nil {
			return err
		}
		next, err := take(raw)
		if err != nil || next == "" {
			return err
		}
		query.Set("cursor", next)
	}
}
