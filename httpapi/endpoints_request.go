package httpapi

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"wapid/engine"
	"wapid/webhooks"
)

const (
	maxEndpointName     = 100 // characters
	maxEndpointSessions = 100
	// maskedValue stands for what a header says. In a change it leaves the value
	// as it is, so that what was read can be sent back.
	maskedValue = "***"
)

// endpointOptions are what an endpoint may be given besides its URL and secret.
type endpointOptions struct {
	Name          *string           `json:"name"`
	Events        []string          `json:"events"`
	Sessions      []string          `json:"sessions"` // empty for all
	Headers       map[string]string `json:"headers"`
	SignatureMode *string           `json:"signatureMode"`
	Enabled       *bool             `json:"enabled"`
	Format        *string           `json:"format"`
}

type createEndpointRequest struct {
	URL    string  `json:"url"`
	Secret *string `json:"secret"` // made if it is absent
	endpointOptions
}

// patchEndpointRequest changes what it names.
type patchEndpointRequest struct {
	URL *string `json:"url"`
	endpointOptions
}

type rotateSecretRequest struct {
	Secret         *string `json:"secret"`         // made if it is absent
	OverlapSeconds *int    `json:"overlapSeconds"` // 24 hours if it is absent
}

// endpoint checks what a new endpoint is to be. check is for URL and secret. It
// returns CodeInvalid and CodeEgressRefused.
func (r createEndpointRequest) endpoint(check func(url, secret string) (string, error)) (e webhooks.Endpoint, err error) {
	if e.Secret, err = givenSecret(r.Secret); err != nil {
		return e, err
	}
	if e.URL, err = check(r.URL, e.Secret); err != nil {
		return e, err
	}
	c, err := r.endpointOptions.change()
	if err != nil {
		return e, err
	}
	if err := unmaskHeaders(r.Headers, nil); err != nil {
		return e, err
	}
	e.Enabled = true
	set(&e.Name, c.Name)
	set(&e.Types, c.Types)
	set(&e.Sessions, c.Sessions)
	set(&e.Headers, c.Headers)
	set(&e.SignatureMode, c.SignatureMode)
	set(&e.Enabled, c.Enabled)
	set(&e.Format, c.Format)
	return e, nil
}

func set[T any](into *T, value *T) {
	if value != nil {
		*into = *value
	}
}

// givenSecret is the secret that was given, or a new one.
func givenSecret(given *string) (string, error) {
	switch {
	case given == nil:
		return webhooks.NewSecret(), nil
	case *given == "":
		return "", engine.Errorf(engine.CodeInvalid, "secret must not be empty: leave it out to have one made")
	}
	return *given, webhooks.CheckSecret(*given)
}

// change checks what is to become of an endpoint. It returns CodeInvalid and
// CodeEgressRefused.
func (r patchEndpointRequest) change(check func(url, secret string) (string, error)) (webhooks.EndpointChange, error) {
	c, err := r.endpointOptions.change()
	if err != nil {
		return c, err
	}
	if r.URL != nil {
		url, err := check(*r.URL, "")
		if err != nil {
			return c, err
		}
		c.URL = &url
	}
	if c == (webhooks.EndpointChange{}) {
		return c, engine.Errorf(engine.CodeInvalid, "name at least one of name, url, events, sessions, headers, signatureMode, enabled and format")
	}
	return c, nil
}

// change checks the options that were given. It returns CodeInvalid.
func (o endpointOptions) change() (c webhooks.EndpointChange, err error) {
	if o.Name != nil {
		name := strings.TrimSpace(*o.Name)
		if utf8.RuneCountInString(name) > maxEndpointName || strings.ContainsFunc(name, unicode.IsControl) {
			return c, engine.Errorf(engine.CodeInvalid, "name must have at most %d characters that print", maxEndpointName)
		}
		c.Name = &name
	}
	if o.Events != nil {
		types, err := webhooks.ParseTypes(o.Events)
		if err != nil {
			return c, err
		}
		c.Types = &types
	}
	if o.Sessions != nil {
		if len(o.Sessions) > maxEndpointSessions {
			return c, engine.Errorf(engine.CodeInvalid, "sessions must not name more than %d sessions", maxEndpointSessions)
		}
		sessions := []engine.SessionID(nil)
		if len(o.Sessions) > 0 {
			if sessions, err = parseKeySessions(o.Sessions); err != nil {
				return c, err
			}
		}
		c.Sessions = &sessions
	}
	if o.Headers != nil {
		if err := webhooks.CheckHeaders(o.Headers); err != nil {
			return c, err
		}
		c.Headers = &o.Headers
	}
	if o.SignatureMode != nil {
		mode, err := webhooks.ParseSignatureMode(*o.SignatureMode)
		if err != nil {
			return c, err
		}
		c.SignatureMode = &mode
	}
	if o.Format != nil {
		format, err := webhooks.ParseFormat(*o.Format)
		if err != nil {
			return c, err
		}
		c.Format = &format
	}
	c.Enabled = o.Enabled
	return c, nil
}

// unmaskHeaders puts the values back that a caller was not shown. It returns
// CodeInvalid for a mask of no header that is there.
func unmaskHeaders(headers, known map[string]string) error {
	for name, value := range headers {
		if value != maskedValue {
			continue
		}
		old, have := known[name]
		if !have {
			return errMasked()
		}
		headers[name] = old
	}
	return nil
}

func errMasked() error {
	return engine.Errorf(engine.CodeInvalid, "a value of headers is %q, which stands for one that is there already", maskedValue)
}

// rotation checks what the new secret is to be and how long the old one stays
// valid. It returns CodeInvalid.
func (r rotateSecretRequest) rotation() (secret string, overlap time.Duration, err error) {
	overlap = webhooks.DefaultOverlap
	if n := r.OverlapSeconds; n != nil {
		if *n < 0 || *n > int(webhooks.MaxOverlap/time.Second) {
			return "", 0, engine.Errorf(engine.CodeInvalid, "overlapSeconds must be a number from 0 to %d", int(webhooks.MaxOverlap/time.Second))
		}
		overlap = time.Duration(*n) * time.Second
	}
	secret, err = givenSecret(r.Secret)
	return secret, overlap, err
}
