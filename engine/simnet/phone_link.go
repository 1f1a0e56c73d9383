package simnet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/fnv"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// ScanQR links the companion that shows a QR code and returns the new device's
// address once the companion has countersigned. Under FaultPasskey it lasts
// until the companion has proved the passkey. It fails with ErrNoCompanion when
// the code is out of date, with ErrCompanionGone, with the context's error, and
// when the text is no QR code or the account has four linked devices.
func (p *Phone) ScanQR(ctx context.Context, qr string) (types.JID, error) {
	code, err := parseQR(qr)
	if err != nil {
		return types.EmptyJID, err
	}
	comp := p.server.pairings.find(code.ref)
	if comp == nil {
		return types.EmptyJID, ErrNoCompanion
	}
	if comp.noise != code.noise || comp.identity != code.identity {
		return types.EmptyJID, fmt.Errorf("%w: keys are not the companion's", errBadQR)
	}
	secret := code.advSecret
	if p.server.faults.take(FaultPasskey, p.account.number) {
		secret, err = p.provePasskey(ctx, comp, code)
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("the companion has not proved its passkey in time: %w", err)
		}
		if err != nil {
			return types.EmptyJID, err
		}
	}
	return p.linkCompanion(ctx, comp, comp.identity, secret)
}

// EnterCode links the companion that asked for a pairing code for this number.
// It fails with ErrNoCompanion when there is none, and with errWrongCode or
// another error of the exchange when the code isn't the companion's.
func (p *Phone) EnterCode(ctx context.Context, code string) (types.JID, error) {
	comp, hello := p.server.pairings.findCode(p.account)
	if comp == nil {
		return types.EmptyJID, ErrNoCompanion
	}
	exchange, err := openCodeLink(code, hello.wrapped)
	if err != nil {
		return types.EmptyJID, err
	}
	identity := p.identityPub()
	finished, stop := comp.expect("companion_finish")
	defer stop()
	comp.stream.send(p.server.notification("link_code_companion_reg", types.ServerJID, waBinary.Node{
		Tag: "link_code_companion_reg", Attrs: waBinary.Attrs{"stage": "primary_hello"},
		Content: []waBinary.Node{
			{Tag: "link_code_pairing_wrapped_primary_ephemeral_pub", Content: exchange.wrapped},
			{Tag: "primary_identity_pub", Content: identity[:]},
			{Tag: "link_code_pairing_ref", Content: []byte(hello.ref)},
		},
	}))
	request, err := comp.receive(ctx, finished)
	if err != nil {
		return types.EmptyJID, err
	}
	secret, err := p.finishCode(comp, hello, exchange, request)
	if err != nil {
		comp.stream.send(failure(request, 400, "bad-request"))
		return types.EmptyJID, err
	}
	comp.stream.send(result(request))
	return p.linkCompanion(ctx, comp, comp.identity, secret)
}

func (p *Phone) finishCode(comp *companion, hello *codeHello, exchange *codeLink, request *waBinary.Node) ([]byte, error) {
	step, _ := child(request, "link_code_companion_reg")
	if string(childContent(step, "link_code_pairing_ref")) != hello.ref {
		return nil, errors.New("companion answered to another linking")
	}
	if string(childContent(step, "companion_identity_public")) != string(comp.identity[:]) {
		return nil, errWrongIdentity
	}
	p.mu.Lock()
	own := p.keys.identity()
	p.mu.Unlock()
	return exchange.finish(own, comp.identity, childContent(step, "link_code_pairing_wrapped_key_bundle"))
}

// linkCompanion signs the companion's identity and lets the server link it.
func (p *Phone) linkCompanion(ctx context.Context, comp *companion, identity [32]byte, secret []byte) (types.JID, error) {
	id, index, err := p.account.reserve()
	if err != nil {
		return types.EmptyJID, err
	}
	p.mu.Lock()
	own := p.keys.identity()
	p.mu.Unlock()
	issued, err := issueIdentity(own, identity, p.rawID(), index, p.server.clock())
	if err != nil {
		return types.EmptyJID, err
	}
	sealed, err := sealIdentity(issued, secret)
	if err != nil {
		return types.EmptyJID, err
	}
	dev, err := p.server.link(ctx, comp, p.account, id, index, identity, sealed, func(answer []byte) error {
		_, err := acceptAnswer(issued, identity, answer)
		return err
	})
	if err != nil {
		return types.EmptyJID, err
	}
	return dev.jid(types.DefaultUserServer), nil
}

// rawID names the account's device list; it only has to stay the same.
func (p *Phone) rawID() uint32 {
	sum := fnv.New32a()
	sum.Write([]byte(p.account.number))
	return sum.Sum32()
}

// SignPasskey answers a passkey request as the authenticator of the account's
// owner would on WhatsApp's own page. It fails when the request is not for the
// account's passkey.
func (p *Phone) SignPasskey(request *types.WebAuthnPublicKey) (*types.WebAuthnResponse, error) {
	key, err := p.ownPasskey()
	if err != nil {
		return nil, err
	}
	return key.sign(request)
}

func (p *Phone) ownPasskey() (*passkey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.passkey == nil {
		key, err := newPasskey()
		if err != nil {
			return nil, err
		}
		p.passkey = key
	}
	return p.passkey, nil
}

// provePasskey asks the companion for the account's passkey and returns the
// secret of the exchange that follows (source: whatsmeow pair-passkey.go).
func (p *Phone) provePasskey(ctx context.Context, comp *companion, code qrCode) ([]byte, error) {
	key, err := p.ownPasskey()
	if err != nil {
		return nil, err
	}
	challenge := make([]byte, 32)
	_, _ = rand.Read(challenge) // crypto/rand never returns an error since Go 1.24.
	options, err := key.options(challenge)
	if err != nil {
		return nil, err
	}
	prologues, stop := comp.expect("passkey_prologue")
	defer stop()
	nonces, stopNonce := comp.expect("companion_nonce")
	defer stopNonce()
	requests, stopRequest := comp.expect("encrypted_pairing_request")
	defer stopRequest()
	comp.stream.send(p.server.notification("passkey_prologue_request", types.ServerJID,
		waBinary.Node{Tag: "passkey_request_options", Content: options}))

	node, err := comp.receive(ctx, prologues)
	if err != nil {
		return nil, err
	}
	exchange, err := p.readPrologue(key, challenge, code, node)
	if err != nil {
		comp.stream.send(failure(node, 401, "not-authorized"))
		return nil, err
	}
	comp.stream.send(result(node))
	answer, err := exchange.answer()
	if err != nil {
		return nil, fmt.Errorf("encode passkey answer: %w", err)
	}
	comp.stream.send(p.server.notification("crsc_continuation", types.ServerJID,
		waBinary.Node{Tag: "primary_ephemeral_identity", Content: answer}))

	if node, err = comp.receive(ctx, nonces); err != nil {
		return nil, err
	}
	if _, err = exchange.reveal(childContent(node, "companion_nonce")); err != nil {
		comp.stream.send(failure(node, 400, "bad-request"))
		return nil, err
	}
	comp.stream.send(result(node))
	if node, err = comp.receive(ctx, requests); err != nil {
		return nil, err
	}
	request, err := exchange.open(childContent(node, "encrypted_pairing_request"))
	if err == nil && (request.noise != comp.noise || request.identity != comp.identity) {
		err = errWrongIdentity
	}
	if err != nil {
		comp.stream.send(failure(node, 400, "bad-request"))
		return nil, err
	}
	comp.stream.send(result(node))
	return request.advSecret, nil
}

// readPrologue checks the assertion and that the companion is the one whose
// code was scanned.
func (p *Phone) readPrologue(key *passkey, challenge []byte, code qrCode, node *waBinary.Node) (*passkeyLink, error) {
	step, _ := child(node, "passkey_prologue")
	if err := key.verify(challenge, childContent(step, "webauthn_assertion")); err != nil {
		return nil, err
	}
	prologue := childContent(step, "prologue_payload")
	exchange, err := openPasskeyLink(prologue)
	if err != nil {
		return nil, err
	}
	if comp := p.server.pairings.find(exchange.ref()); comp == nil || comp.noise != code.noise {
		return nil, fmt.Errorf("%w: unknown ref", errBadPrologue)
	}
	proven, err := provesHandoff(code.advSecret, prologue, childContent(step, "pairing_handoff_proof"))
	if err == nil && !proven {
		err = fmt.Errorf("%w: handoff not proven", errBadPrologue)
	}
	return exchange, err
}
