package whatsapp

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"wapid/engine"
)

// linkTimeout bounds one question to the network while a device is being linked.
const linkTimeout = 30 * time.Second

// passkeyPatience is how long a pairing waits for the passkey of its account.
// After five minutes whatsmeow forgets that the code was scanned by this very
// phone (source: its pair-passkey.go), and the server's challenge is long over.
const passkeyPatience = 5 * time.Minute

// codeBrowser is what the phone shows of a device that asks for a pairing code.
// The server takes only the names of browsers and systems that it knows (source:
// whatsmeow pair-code.go).
const codeBrowser = "Chrome (Linux)"

var _ engine.Linking = (*conn)(nil)

// PairingCode implements engine.Linking. The code is good for as long as the
// connection has QR codes to show: then the server ends it.
func (c *conn) PairingCode(ctx context.Context, phone string) (code engine.PairingCode, err error) {
	err = c.whileLinking(ctx, (*link).showsCodes, func(ctx context.Context, l *link) error {
		text, err := l.client.PairPhone(ctx, phone, true, whatsmeow.PairClientChrome, codeBrowser)
		switch {
		case errors.Is(err, whatsmeow.ErrPhoneNumberTooShort), errors.Is(err, whatsmeow.ErrPhoneNumberIsNotInternational):
			return engine.WrapError(engine.CodeInvalid, err, "phone must be a whole number with its country code")
		case isRefusal(err):
			return engine.WrapError(engine.CodeInvalid, err, "WhatsApp gives no code for this phone number")
		case err != nil:
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		code = engine.PairingCode{
			Code:      strings.ReplaceAll(text, "-", ""),
			ExpiresAt: l.codes.ends.Add(time.Duration(len(l.codes.left)) * c.net.opts.QRNext),
		}
		return nil
	})
	return code, err
}

// AnswerPasskey implements engine.Linking.
func (c *conn) AnswerPasskey(ctx context.Context, credential json.RawMessage) error {
	answer, err := parseCredential(credential)
	if err != nil {
		return err
	}
	return c.whileLinking(ctx, (*link).asksPasskey, func(ctx context.Context, l *link) error {
		err := l.client.SendPasskeyResponse(ctx, answer)
		if isRefusal(err) {
			return engine.WrapError(engine.CodeInvalid, err, "WhatsApp does not accept this answer to the passkey's challenge")
		}
		return err
	})
}

// ConfirmPasskey implements engine.Linking.
func (c *conn) ConfirmPasskey(ctx context.Context) error {
	return c.whileLinking(ctx, (*link).asksPasskey, func(ctx context.Context, l *link) error {
		return l.client.SendPasskeyConfirmation(ctx)
	})
}

// whileLinking asks the network for something while a link stands at a step of
// its pairing: one question at a time, because whatsmeow keeps the state of one.
func (c *conn) whileLinking(ctx context.Context, step func(*link) bool, ask func(context.Context, *link) error) error {
	if !c.enter() {
		return notReady(errNotReady)
	}
	defer c.calls.Done()
	c.mu.Lock()
	l := c.link
	c.mu.Unlock()
	if l == nil {
		return notReady(errNotReady)
	}
	ctx, stop := context.WithTimeoutCause(ctx, linkTimeout, errNoAnswer)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(l.ctx, func() { cancel(errNotReady) })()
	select {
	case l.asking <- struct{}{}:
		defer func() { <-l.asking }()
	case <-ctx.Done():
		return notReady(context.Cause(ctx))
	}
	c.mu.Lock()
	at := step(l)
	c.mu.Unlock()
	if !at {
		return notReady(errors.New("the pairing has gone on"))
	}
	if err := ask(ctx, l); err != nil {
		return explainQuery(err, context.Cause(ctx), false)
	}
	return nil
}

// showsCodes tells whether the link waits for a phone; conn.mu is held.
func (l *link) showsCodes() bool { return !l.over && !l.paired && l.codes.begun && !l.codes.scanned }

// asksPasskey tells whether the account's passkey is asked for; conn.mu is held.
func (l *link) asksPasskey() bool { return !l.over && !l.paired && l.passkey }

// isRefusal tells whether the server calls a request wrong, rather than too many
// or too early. Which codes mean that is assumed, but for 400 (source: whatsmeow
// pair-code.go).
func isRefusal(err error) bool {
	switch refusedWith(err) {
	case 400, 401, 403, 404, 405, 406:
		return true
	}
	return false
}

// parseCredential reads an assertion as browsers encode one (WebAuthn level 3,
// PublicKeyCredential.toJSON). It returns CodeInvalid.
func parseCredential(raw json.RawMessage) (*types.WebAuthnResponse, error) {
	var answer types.WebAuthnResponse
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, engine.WrapError(engine.CodeInvalid, err, "credential is not a PublicKeyCredential whose bytes are base64url without padding")
	}
	if id, err := base64.RawURLEncoding.DecodeString(answer.ID); err == nil && len(answer.RawID) == 0 {
		answer.RawID = id
	}
	data := answer.Response
	if answer.Type != "public-key" || answer.ID == "" || len(answer.RawID) == 0 ||
		len(data.ClientDataJSON) == 0 || len(data.AuthenticatorData) == 0 || len(data.Signature) == 0 {
		return nil, engine.Errorf(engine.CodeInvalid,
			"credential needs id, rawId, type public-key and a response with clientDataJSON, authenticatorData and signature")
	}
	return &answer, nil
}

// passkeyAsked hands on the challenge that the account's passkey has to sign.
func (l *link) passkeyAsked(evt *events.PairPasskeyRequest) {
	challenge, err := json.Marshal(evt.PublicKey)
	if err != nil {
		l.pairingFailed(err)
		return
	}
	c := l.conn
	c.mu.Lock()
	l.stopCodes()
	l.passkey = true
	if !l.over {
		c.post(engine.SignalPasskey{Challenge: challenge})
		l.wait(passkeyPatience, func() { l.pairingFailed(errors.New("the passkey was not proved in time")) })
	}
	c.mu.Unlock()
	c.flush()
}

// passkeyProved goes on by itself where the network knows that the phone that
// scanned is the one that answers; else its owner has to compare a code.
func (l *link) passkeyProved(evt *events.PairPasskeyConfirmation) {
	c := l.conn
	if !evt.SkipHandoffUX {
		c.mu.Lock()
		if !l.over {
			c.post(engine.SignalPasskeyCode{Code: evt.Code})
		}
		c.mu.Unlock()
		c.flush()
		return
	}
	if !c.enter() {
		return
	}
	go func() {
		defer c.calls.Done()
		if err := c.ConfirmPasskey(l.ctx); err != nil {
			l.pairingFailed(err)
		}
	}()
}
