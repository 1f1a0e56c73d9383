package engine

import (
	"context"
	"encoding/base64"
	"time"

	qrcode "github.com/skip2/go-qrcode"
)

// qrPixels is the side of a QR image; small enough for a webhook body, large
// enough for a phone's camera at an arm's length.
const qrPixels = 320

// QRImage renders the raw text of a pairing code as a PNG in a data: URL.
func QRImage(raw string) (string, error) {
	png, err := qrcode.Encode(raw, qrcode.Low, qrPixels)
	if err != nil {
		return "", WrapError(CodeInternal, err, "the QR code could not be drawn")
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(png), nil
}

// linkPatience is how long a request for a pairing code waits for a session that
// is starting to link.
const linkPatience = 20 * time.Second

// RequestPairingCode asks the network for a code that the owner of a phone number
// (digits) types into the phone instead of scanning. It waits up to 20 s for a
// session that is just starting. It returns CodeAlreadyLinked, CodeSessionNotReady
// for a session that does not wait to be linked, CodeSessionNotFound,
// CodeNotSupported and the errors of Linking.
func (e *Engine) RequestPairingCode(ctx context.Context, key SessionKey, phone string) (PairingCode, error) {
	waiting, cancel := context.WithTimeout(ctx, linkPatience)
	defer cancel()
	s, err := e.Await(waiting, key, func(s Snapshot) bool {
		return s.State.Status == StatusQRReady || s.State.Status == StatusPasskeyRequired || s.State.Identity.Device != "" || !s.State.wantsUp()
	})
	if err != nil {
		return PairingCode{}, err
	}
	if s.State.Identity.Device != "" {
		return PairingCode{}, Errorf(CodeAlreadyLinked, "the session is linked already")
	}
	w, linker, epoch, err := e.linker(key, StatusQRReady, "the session does not wait to be linked: create it, or create it again")
	if err != nil {
		return PairingCode{}, err
	}
	code, err := linker.PairingCode(ctx, phone)
	if err != nil {
		return PairingCode{}, err
	}
	reply := make(chan result, 1)
	w.box.post(report{epoch: epoch, in: codeShown{code}, reply: reply})
	if _, err := w.await(ctx, reply); err != nil {
		return PairingCode{}, err
	}
	return code, nil
}

// AnswerPasskey gives the authenticator's answer (the JSON of a WebAuthn
// PublicKeyCredential) to the challenge of a session whose account asks for its
// passkey. It returns CodeSessionNotReady for any other session, CodeInvalid for
// an answer that is not accepted, CodeSessionNotFound, CodeNotSupported and the
// other errors of Linking.
func (e *Engine) AnswerPasskey(ctx context.Context, key SessionKey, credential []byte) error {
	_, linker, _, err := e.linker(key, StatusPasskeyRequired, "no passkey is asked for")
	if err != nil {
		return err
	}
	return linker.AnswerPasskey(ctx, credential)
}

// ConfirmPasskey says that Snapshot.PasskeyCode is what the phone shows. It
// returns CodeSessionNotReady while there is no such code, CodeSessionNotFound,
// CodeNotSupported and the errors of Linking.
func (e *Engine) ConfirmPasskey(ctx context.Context, key SessionKey) error {
	w, linker, _, err := e.linker(key, StatusPasskeyRequired, "no passkey is asked for")
	if err != nil {
		return err
	}
	if w.view.Load().PasskeyCode == "" {
		return Errorf(CodeSessionNotReady, "there is no code to confirm")
	}
	return linker.ConfirmPasskey(ctx)
}

// linker returns a session's connection while the session stands at a step of its
// pairing, and the epoch of that connection.
func (e *Engine) linker(key SessionKey, step Status, otherwise string) (*worker, Linking, uint64, error) {
	w, err := e.find(key)
	if err != nil {
		return nil, nil, 0, err
	}
	v := w.view.Load()
	if v.State.Status != step || v.pairing == nil {
		return nil, nil, 0, Errorf(CodeSessionNotReady, "%s", otherwise)
	}
	linker, ok := v.pairing.(Linking)
	if !ok {
		return nil, nil, 0, Errorf(CodeNotSupported, "this network can't do that")
	}
	return w, linker, v.epoch, nil
}
