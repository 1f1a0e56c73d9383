package simnet

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/proto/waCert"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/util/keys"
	"golang.org/x/crypto/curve25519"
	"google.golang.org/protobuf/proto"
)

// noisePattern is exactly 32 bytes, so that it serves as the first hash, salt
// and key without being hashed itself.
const noisePattern = "Noise_XX_25519_AESGCM_SHA256\x00\x00\x00\x00"

// noiseHeader opens every connection: "WA", protocol 6, token dictionary 3.
const noiseHeader = "WA\x06\x03"

// noiseIdentity is the network's long-term Noise key with the chain that ties
// it to the root which clients pin.
type noiseIdentity struct {
	Root   [32]byte // public key that clients must trust
	Static *keys.KeyPair
	Chain  []byte // marshalled waCert.CertChain
}

// newNoiseIdentity makes a root, an intermediate and the server's static key,
// and signs the chain. Only the static private key is kept.
func newNoiseIdentity(now time.Time) (*noiseIdentity, error) {
	root, middle, static := keys.NewKeyPair(), keys.NewKeyPair(), keys.NewKeyPair()
	from := uint64(now.Add(-24 * time.Hour).Unix())
	until := uint64(now.AddDate(10, 0, 0).Unix())

	intermediate, err := signNoiseCertificate(root, &waCert.CertChain_NoiseCertificate_Details{
		Serial: proto.Uint32(1), IssuerSerial: proto.Uint32(0), Key: middle.Pub[:],
		NotBefore: proto.Uint64(from), NotAfter: proto.Uint64(until),
	})
	if err != nil {
		return nil, err
	}
	leaf, err := signNoiseCertificate(middle, &waCert.CertChain_NoiseCertificate_Details{
		Serial: proto.Uint32(2), IssuerSerial: proto.Uint32(1), Key: static.Pub[:],
		NotBefore: proto.Uint64(from), NotAfter: proto.Uint64(until),
	})
	if err != nil {
		return nil, err
	}
	chain, err := proto.Marshal(&waCert.CertChain{Leaf: leaf, Intermediate: intermediate})
	if err != nil {
		return nil, fmt.Errorf("encode noise certificate chain: %w", err)
	}
	return &noiseIdentity{Root: *root.Pub, Static: static, Chain: chain}, nil
}

func signNoiseCertificate(issuer *keys.KeyPair, details *waCert.CertChain_NoiseCertificate_Details) (*waCert.CertChain_NoiseCertificate, error) {
	raw, err := proto.Marshal(details)
	if err != nil {
		return nil, fmt.Errorf("encode noise certificate: %w", err)
	}
	signature := ecc.CalculateSignature(ecc.NewDjbECPrivateKey(*issuer.Priv), raw)
	return &waCert.CertChain_NoiseCertificate{Details: raw, Signature: signature[:]}, nil
}

// noiseResponder is the server's half of one XX handshake. A failed step leaves
// it unusable; the caller closes the connection.
type noiseResponder struct {
	hash    []byte
	salt    []byte
	key     cipher.AEAD
	counter uint32
}

func newNoiseResponder() (*noiseResponder, error) {
	r := &noiseResponder{hash: []byte(noisePattern), salt: []byte(noisePattern)}
	var err error
	if r.key, err = newGCM(r.hash); err != nil {
		return nil, err
	}
	r.mixHash([]byte(noiseHeader))
	return r, nil
}

// hello takes the client's first message and returns the server's answer.
func (r *noiseResponder) hello(frame []byte, own *noiseIdentity, ephemeral *keys.KeyPair) ([]byte, error) {
	var message waWa6.HandshakeMessage
	if err := proto.Unmarshal(frame, &message); err != nil {
		return nil, fmt.Errorf("decode client hello: %w", err)
	}
	peer := message.GetClientHello().GetEphemeral()
	if len(peer) != 32 {
		return nil, errors.New("client hello without an ephemeral key")
	}
	r.mixHash(peer)
	r.mixHash(ephemeral.Pub[:])
	if err := r.mixAgreement(ephemeral, peer); err != nil {
		return nil, err
	}
	static := r.seal(own.Static.Pub[:])
	if err := r.mixAgreement(own.Static, peer); err != nil {
		return nil, err
	}
	payload := r.seal(own.Chain)
	return proto.Marshal(&waWa6.HandshakeMessage{ServerHello: &waWa6.HandshakeMessage_ServerHello{
		Ephemeral: ephemeral.Pub[:], Static: static, Payload: payload,
	}})
}

// finish takes the client's second message and returns its static key and its
// payload.
func (r *noiseResponder) finish(frame []byte, ephemeral *keys.KeyPair) (static [32]byte, payload *waWa6.ClientPayload, err error) {
	var message waWa6.HandshakeMessage
	if err = proto.Unmarshal(frame, &message); err != nil {
		return static, nil, fmt.Errorf("decode client finish: %w", err)
	}
	raw, err := r.open(message.GetClientFinish().GetStatic())
	if err != nil || len(raw) != 32 {
		return static, nil, fmt.Errorf("open client static key of %d bytes: %w", len(raw), err)
	}
	copy(static[:], raw)
	if err = r.mixAgreement(ephemeral, raw); err != nil {
		return static, nil, err
	}
	raw, err = r.open(message.GetClientFinish().GetPayload())
	if err != nil {
		return static, nil, fmt.Errorf("open client payload: %w", err)
	}
	payload = &waWa6.ClientPayload{}
	if err = proto.Unmarshal(raw, payload); err != nil {
		return static, nil, fmt.Errorf("decode client payload: %w", err)
	}
	return static, payload, nil
}

// split derives the two transport keys: the client writes with the first.
func (r *noiseResponder) split() (read, write cipher.AEAD, err error) {
	out, err := hkdf.Key(sha256.New, nil, r.salt, "", 64)
	if err != nil {
		return nil, nil, fmt.Errorf("derive transport keys: %w", err)
	}
	if read, err = newGCM(out[:32]); err != nil {
		return nil, nil, err
	}
	write, err = newGCM(out[32:])
	return read, write, err
}

func (r *noiseResponder) mixHash(data []byte) {
	sum := sha256.New()
	sum.Write(r.hash)
	sum.Write(data)
	r.hash = sum.Sum(nil)
}

func (r *noiseResponder) mixAgreement(own *keys.KeyPair, peer []byte) error {
	secret, err := curve25519.X25519(own.Priv[:], peer)
	if err != nil {
		return fmt.Errorf("key agreement: %w", err)
	}
	out, err := hkdf.Key(sha256.New, secret, r.salt, "", 64)
	if err != nil {
		return fmt.Errorf("derive handshake keys: %w", err)
	}
	r.salt, r.counter = out[:32], 0
	r.key, err = newGCM(out[32:])
	return err
}

func (r *noiseResponder) seal(plaintext []byte) []byte {
	out := r.key.Seal(nil, noiseIV(r.counter), plaintext, r.hash)
	r.counter++
	r.mixHash(out)
	return out
}

func (r *noiseResponder) open(ciphertext []byte) ([]byte, error) {
	out, err := r.key.Open(nil, noiseIV(r.counter), ciphertext, r.hash)
	if err != nil {
		return nil, err
	}
	r.counter++
	r.mixHash(ciphertext)
	return out, nil
}

// noiseIV is eight zero bytes and the message counter.
func noiseIV(counter uint32) []byte {
	iv := make([]byte, 12)
	binary.BigEndian.PutUint32(iv[8:], counter)
	return iv
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("prepare cipher: %w", err)
	}
	return cipher.NewGCM(block)
}
