package media

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"

	"wapid/engine"
)

// Fetched is a file that came from a URL.
type Fetched struct {
	File
	Type string // media type as the server declared it, without parameters; may be empty
	Name string // last part of the path that was asked for; may be empty
}

// Fetch gets the file behind a caller's URL. The client decides which addresses
// may be reached, how many redirects are followed and how long all may take. It
// returns CodeEgressRefused for an address that the client refused, CodeStorage,
// the error of ctx, and CodeMediaInvalid for everything else, in words that tell
// nothing of what is behind the URL.
func (s *Spool) Fetch(ctx context.Context, client *http.Client, raw string, limit int64) (Fetched, error) {
	res, err := get(ctx, client, raw, "*/*")
	if err != nil {
		return Fetched{}, err
	}
	defer res.Body.Close()
	if res.ContentLength > limit {
		return Fetched{}, errTooLarge(limit)
	}
	f, err := s.Take(ctx, res.Body, limit)
	if err != nil {
		return Fetched{}, explainFetch(ctx, err)
	}
	declared, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")) // a malformed one is none
	return Fetched{File: f, Type: declared, Name: nameOf(raw)}, nil
}

// get asks for a URL and takes nothing but success.
func get(ctx context.Context, client *http.Client, raw, accept string) (*http.Response, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, errInvalid("the URL must be a complete http or https URL")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, raw, nil)
	if err != nil {
		return nil, errFetch(nil) // the cause would quote the URL
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("User-Agent", "wapid")
	res, err := client.Do(req)
	if err != nil {
		return nil, explainFetch(ctx, err)
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, errFetch(nil)
	}
	return res, nil
}

// explainFetch keeps our own words about a failure and hides all others: they
// would tell a caller what answers inside the operator's network.
func explainFetch(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if e, ok := errors.AsType[*engine.Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // without the URL
	}
	return errFetch(err)
}

func errFetch(cause error) error {
	return engine.WrapError(engine.CodeMediaInvalid, cause, "the URL could not be fetched")
}

// nameOf is the file name at the end of a URL's path.
func nameOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	name := path.Base(u.Path)
	if name == "." || name == "/" || !strings.Contains(name, ".") {
		return ""
	}
	return name
}

// head reads at most n bytes of a file's beginning.
func head(r io.ReaderAt, n int64) ([]byte, error) {
	b, err := io.ReadAll(io.NewSectionReader(r, 0, n))
	if err != nil {
		return nil, errStorage(err)
	}
	return b, nil
}
