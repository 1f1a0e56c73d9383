package simnet

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"

	"go.mau.fi/whatsmeow/proto/waCompanionReg"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/keys"
	"golang.org/x/crypto/curve25519"
	"google.golang.org/protobuf/proto"
)

// errBadPrologue says that a companion's passkey messages contradict each other.
var errBadPrologue = errors.New("passkey linking message that does not fit")

// passkeyLink is the phone's half of a linking that needs a passkey. The
// companion commits to a nonce (prologue), the phone answers with its ephemeral
// key and its own nonce, the companion reveals: both sides now show the same
// 8-character code, and the companion sends its keys sealed under the shared
// secret. Source: whatsmeow pair-passkey.go, the companion's half.
type passkeyLink struct {
	companion  *waCompanionReg.CompanionEphemeralIdentity
	identity   []byte // The companion's message as it was committed to.
	commitment []byte
	ephemeral  *keys.KeyPair
	nonce      [32]byte
	key        []byte // Set by reveal.
}

// passkeyRequest is what the companion finally asks to be linked with.
type passkeyRequest struct {
	noise, identity [32]byte
	advSecret       []byte
}

// openPasskeyLink reads a <prologue_payload>. The error wraps errBadPrologue.
func openPasskeyLink(prologue []byte) (*passkeyLink, error) {
	var payload waCompanionReg.ProloguePayload
	if err := proto.Unmarshal(prologue, &payload); err != nil {
		return nil, fmt.Errorf("%w: %w", errBadPrologue, err)
	}
	var companion waCompanionReg.CompanionEphemeralIdentity
	if err := proto.Unmarshal(payload.GetCompanionEphemeralIdentity(), &companion); err != nil {
		return nil, fmt.Errorf("%w: %w", errBadPrologue, err)
	}
	if len(companion.GetPublicKey()) != 32 || companion.GetRef() == "" || len(payload.GetCommitment().GetHash()) != 32 {
		return nil, fmt.Errorf("%w: incomplete prologue", errBadPrologue)
	}
	link := &passkeyLink{
		companion:  &companion,
		identity:   payload.GetCompanionEphemeralIdentity(),
		commitment: payload.GetCommitment().GetHash(),
		ephemeral:  keys.NewKeyPair(),
	}
	_, _ = rand.Read(link.nonce[:]) // crypto/rand never returns an error since Go 1.24.
	return link, nil
}

// ref is the server's reference that the companion fetched for this linking.
func (l *passkeyLink) ref() string { return l.companion.GetRef() }

// answer is the content of <primary_ephemeral_identity>.
func (l *passkeyLink) answer() ([]byte, error) {
	return proto.Marshal(&waCompanionReg.PrimaryEphemeralIdentity{PublicKey: l.ephemeral.Pub[:], Nonce: l.nonce[:]})
}

// reveal checks the <companion_nonce> against the commitment and returns the
// code that both sides show. The error wraps errBadPrologue.
func (l *passkeyLink) reveal(companionNonce []byte) (code string, err error) {
	if len(companionNonce) != 32 {
		return "", fmt.Errorf("%w: nonce of %d bytes", errBadPrologue, len(companionNonce))
	}
	hash := sha256.Sum256(slices.Concat(l.identity, companionNonce))
	if !hmac.Equal(hash[:], l.commitment) {
		return "", fmt.Errorf("%w: nonce is not the one committed to", errBadPrologue)
	}
	shared, err := curve25519.X25519(l.ephemeral.Priv[:], l.companion.GetPublicKey())
	if err != nil {
		return "", fmt.Errorf("%w: %w", errBadPrologue, err)
	}
	salt := fmt.Sprintf("Companion Pairing %d with ref %s", l.companion.GetDeviceType(), l.ref())
	if l.key, err = hkdf.Key(sha256.New, shared, []byte(salt), "Pairing Information Encryption Key", 32); err != nil {
		return "", fmt.Errorf("derive pairing key: %w", err)
	}
	digest := sha256.Sum256(slices.Concat(companionNonce, l.ephemeral.Pub[:]))
	var raw [5]byte
	for i := range raw {
		raw[i] = l.nonce[i] ^ digest[i]
	}
	code = base32.NewEncoding(codeAlphabet).EncodeToString(raw[:])
	return code[:4] + "-" + code[4:], nil
}

// open reads an <encrypted_pairing_request>; reveal must have come before. The
// error wraps errBadPrologue.
func (l *passkeyLink) open(sealed []byte) (passkeyRequest, error) {
	if l.key == nil {
		return passkeyRequest{}, fmt.Errorf("%w: request before the nonce", errBadPrologue)
	}
	var wrapped waCompanionReg.EncryptedPairingRequest
	if err := proto.Unmarshal(sealed, &wrapped); err != nil {
		return passkeyRequest{}, fmt.Errorf("%w: %w", errBadPrologue, err)
	}
	if len(wrapped.GetIV()) != 12 {
		return passkeyRequest{}, fmt.Errorf("%w: iv of %d bytes", errBadPrologue, len(wrapped.GetIV()))
	}
	content, err := gcmutil.Decrypt(l.key, wrapped.GetIV(), wrapped.GetEncryptedPayload(), nil)
	if err != nil {
		return passkeyRequest{}, fmt.Errorf("%w: %w", errBadPrologue, err)
	}
	var request waCompanionReg.PairingRequest
	if err := proto.Unmarshal(content, &request); err != nil {
		return passkeyRequest{}, fmt.Errorf("%w: %w", errBadPrologue, err)
	}
	if len(request.GetCompanionPublicKey()) != 32 || len(request.GetCompanionIdentityKey()) != 32 || len(request.GetAdvSecret()) != 32 {
		return passkeyRequest{}, fmt.Errorf("%w: incomplete request", errBadPrologue)
	}
	return passkeyRequest{
		noise:     [32]byte(request.GetCompanionPublicKey()),
		identity:  [32]byte(request.GetCompanionIdentityKey()),
		advSecret: request.GetAdvSecret(),
	}, nil
}

// provesHandoff says whether a <pairing_handoff_proof> shows that the companion
// sending the prologue is the one whose QR code, with advSecret in it, was
// scanned before. The code then need not be compared by a person.
func provesHandoff(advSecret, prologue, proof []byte) (bool, error) {
	key, err := hkdf.Key(sha256.New, advSecret, nil, "shortcake-passkey-handoff-v1", 32)
	if err != nil {
		return false, fmt.Errorf("derive handoff key: %w", err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(prologue)
	return hmac.Equal(mac.Sum(nil), proof), nil
}
