package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"

	"wapid/engine"
)

func TestTransferExplains(t *testing.T) {
	address := func(cause error) error {
		return fmt.Errorf("failed to execute request: %w", &url.Error{Op: "Post", URL: "https://media.example/mms/image/hash?auth=secret", Err: cause})
	}
	answer := func(status int) error {
		return whatsmeow.DownloadHTTPError{Response: &http.Response{StatusCode: status}}
	}
	for name, c := range map[string]struct {
		err   error
		cause error // why the transfer was broken off
		want  engine.Code
	}{
		"stalled":                 {address(context.Canceled), errStalled, engine.CodeNetworkRefused},
		"session ended":           {address(context.Canceled), errNotReady, engine.CodeSessionNotReady},
		"caller gave up":          {address(context.Canceled), context.DeadlineExceeded, engine.CodeNetworkRefused},
		"host refuses to connect": {address(errors.New("connection refused")), nil, engine.CodeNetworkRefused},
		"not connected":           {fmt.Errorf("x: %w", whatsmeow.ErrNotConnected), nil, engine.CodeSessionNotReady},
		"question unanswered":     {fmt.Errorf("x: %w", whatsmeow.ErrIQTimedOut), nil, engine.CodeSessionNotReady},
		"too many questions":      {fmt.Errorf("x: %w", whatsmeow.ErrIQRateOverLimit), nil, engine.CodeRateLimited},
		"no host told":            {fmt.Errorf("x: %w", &whatsmeow.IQError{Code: 500}), nil, engine.CodeNetworkRefused},
		"disk full":               {fmt.Errorf("x: %w", &fs.PathError{Op: "write", Path: "/tmp/x", Err: errors.New("no space")}), nil, engine.CodeStorage},
		"gone":                    {answer(410), nil, engine.CodeMediaGone},
		"slow down":               {answer(429), nil, engine.CodeRateLimited},
		"host broken":             {fmt.Errorf("from last host: %w", answer(500)), nil, engine.CodeNetworkRefused},
		"too large":               {errors.New("upload failed with status code 413"), nil, engine.CodeMediaInvalid},
		"another file":            {whatsmeow.ErrInvalidMediaHMAC, nil, engine.CodeMediaInvalid},
		"coded already":           {engine.Errorf(engine.CodeInvalid, "x"), errStalled, engine.CodeInvalid},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		if c.cause != nil {
			cancel(c.cause)
		}
		err := (&transfer{ctx: ctx}).explain(c.err)
		if engine.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "media.example") {
			t.Errorf("%s: the error tells an address: %v", name, err)
		}
		cancel(nil)
	}
}
