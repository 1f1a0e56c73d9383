package simnet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"go.mau.fi/whatsmeow/types"
)

// The relying party and origin of WhatsApp's passkeys. An authenticator signs
// only for a page of this origin, which is why a daemon cannot make the
// assertion itself. Assumed: the exact rpId; whatsmeow passes on what it gets.
const (
	passkeyParty  = "whatsapp.com"
	passkeyOrigin = "https://web.whatsapp.com"
)

// errBadAssertion says that a WebAuthn assertion does not answer the request.
var errBadAssertion = errors.New("passkey assertion refused")

// passkey is the credential that an account's owner has registered: the sign
// half stands for the owner's authenticator, the verify half for the server.
type passkey struct {
	id  []byte
	key *ecdsa.PrivateKey
}

// clientData is the part of WebAuthn's collected client data that is checked.
type clientData struct {
	Type      string `json:"type"`
	Challenge string `json:"challenge"`
	Origin    string `json:"origin"`
}

func newPasskey() (*passkey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make passkey: %w", err)
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // crypto/rand never returns an error since Go 1.24.
	return &passkey{id: id, key: key}, nil
}

// options is the content of <passkey_request_options> for a challenge.
func (p *passkey) options(challenge []byte) ([]byte, error) {
	return json.Marshal(types.WebAuthnPublicKey{
		Challenge:        challenge,
		Timeout:          60_000,
		RelyingPartID:    passkeyParty,
		AllowCredentials: []types.AllowedCredential{{ID: p.id, Type: "public-key", Transports: []string{"internal", "hybrid"}}},
		UserVerification: "required",
		Extensions:       map[string]any{},
	})
}

// sign answers a request as an authenticator on WhatsApp's own page would. It
// refuses another relying party and a request that does not allow this
// credential.
func (p *passkey) sign(request *types.WebAuthnPublicKey) (*types.WebAuthnResponse, error) {
	if request.RelyingPartID != passkeyParty {
		return nil, fmt.Errorf("%w: relying party %q", errBadAssertion, request.RelyingPartID)
	}
	if !slices.ContainsFunc(request.AllowCredentials, func(c types.AllowedCredential) bool { return slices.Equal(c.ID, p.id) }) {
		return nil, fmt.Errorf("%w: credential not allowed", errBadAssertion)
	}
	data, err := json.Marshal(clientData{
		Type:      "webauthn.get",
		Challenge: base64.RawURLEncoding.EncodeToString(request.Challenge),
		Origin:    passkeyOrigin,
	})
	if err != nil {
		return nil, fmt.Errorf("encode client data: %w", err)
	}
	party := sha256.Sum256([]byte(passkeyParty))
	authenticator := slices.Concat(party[:], []byte{0x05, 0, 0, 0, 0}) // User present and verified, no counter.
	signature, err := ecdsa.SignASN1(rand.Reader, p.key, assertionDigest(authenticator, data))
	if err != nil {
		return nil, fmt.Errorf("sign assertion: %w", err)
	}
	return &types.WebAuthnResponse{
		ID:    base64.RawURLEncoding.EncodeToString(p.id),
		RawID: p.id,
		Type:  "public-key",
		Response: types.WebAuthnResponseData{
			ClientDataJSON:    data,
			AuthenticatorData: authenticator,
			Signature:         signature,
		},
	}, nil
}

// verify checks a <webauthn_assertion> for the challenge that was given out.
// The error wraps errBadAssertion.
func (p *passkey) verify(challenge, assertion []byte) error {
	var response types.WebAuthnResponse
	if err := json.Unmarshal(assertion, &response); err != nil {
		return fmt.Errorf("%w: %w", errBadAssertion, err)
	}
	if !slices.Equal(response.RawID, p.id) {
		return fmt.Errorf("%w: unknown credential", errBadAssertion)
	}
	var data clientData
	if err := json.Unmarshal(response.Response.ClientDataJSON, &data); err != nil {
		return fmt.Errorf("%w: %w", errBadAssertion, err)
	}
	if data.Type != "webauthn.get" || data.Origin != passkeyOrigin ||
		data.Challenge != base64.RawURLEncoding.EncodeToString(challenge) {
		return fmt.Errorf("%w: made for another request", errBadAssertion)
	}
	party := sha256.Sum256([]byte(passkeyParty))
	authenticator := response.Response.AuthenticatorData
	if len(authenticator) < 37 || !slices.Equal(authenticator[:32], party[:]) || authenticator[32]&0x05 != 0x05 {
		return fmt.Errorf("%w: user not verified", errBadAssertion)
	}
	if !ecdsa.VerifyASN1(&p.key.PublicKey, assertionDigest(authenticator, response.Response.ClientDataJSON), response.Response.Signature) {
		return fmt.Errorf("%w: signature", errBadAssertion)
	}
	return nil
}

// assertionDigest is what a WebAuthn assertion's signature covers.
func assertionDigest(authenticator, data []byte) []byte {
	hash := sha256.Sum256(data)
	digest := sha256.Sum256(slices.Concat(authenticator, hash[:]))
	return digest[:]
}
