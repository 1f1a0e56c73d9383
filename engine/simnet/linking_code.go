package simnet

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/keys"
	"golang.org/x/crypto/curve25519"
)

// errWrongCode says that the code which was entered is not the one that the
// companion shows. It can only be told at the end of the exchange, because
// nothing before is authenticated.
var errWrongCode = errors.New("wrong pairing code")

// codeAlphabet spells 5 random bytes as the 8 characters of a pairing code. It
// leaves out the characters 0, I, O and U (source: whatsmeow pair-code.go).
const codeAlphabet = "123456789ABCDEFGHJKLMNPQRSTVWXYZ"

// codeRounds is the PBKDF2 iteration count that turns a code into a key.
const codeRounds = 2 << 16

// codeLink is the phone's half of linking by pairing code. Each side sends its
// ephemeral key encrypted under the code (salt 32 | iv 16 | AES-256-CTR of the
// key); the companion then sends its identity and a random share, sealed under
// the ephemeral secret. Source: whatsmeow pair-code.go, the companion's half.
type codeLink struct {
	ephemeral *keys.KeyPair
	shared    []byte // X25519 of both ephemeral keys.
	wrapped   []byte // link_code_pairing_wrapped_primary_ephemeral_pub, 80 bytes.
}

// normalCode strips what people type around a code ("abcd-efgh"). It fails on
// anything that is not 8 characters of codeAlphabet.
func normalCode(code string) (string, error) {
	code = strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(code))
	if raw, err := base32.NewEncoding(codeAlphabet).DecodeString(code); err != nil || len(raw) != 5 {
		return "", fmt.Errorf("%w: not 8 characters of the code's alphabet", errWrongCode)
	}
	return code, nil
}

// openCodeLink starts the phone's half: it has the code from its user and the
// companion's wrapped ephemeral key (80 bytes) from the server. It fails on
// data of the wrong size, not on a wrong code.
func openCodeLink(code string, wrappedCompanion []byte) (*codeLink, error) {
	code, err := normalCode(code)
	if err != nil {
		return nil, err
	}
	if len(wrappedCompanion) != 80 {
		return nil, fmt.Errorf("wrapped companion key of %d bytes, want 80", len(wrappedCompanion))
	}
	companion, err := codeCrypt(code, wrappedCompanion[:32], wrappedCompanion[32:48], wrappedCompanion[48:])
	if err != nil {
		return nil, err
	}
	link := &codeLink{ephemeral: keys.NewKeyPair()}
	if link.shared, err = curve25519.X25519(link.ephemeral.Priv[:], companion); err != nil {
		return nil, fmt.Errorf("companion's ephemeral key: %w", err)
	}
	head := make([]byte, 48)
	_, _ = rand.Read(head) // crypto/rand never returns an error since Go 1.24.
	own, err := codeCrypt(code, head[:32], head[32:], link.ephemeral.Pub[:])
	if err != nil {
		return nil, err
	}
	link.wrapped = append(head, own...)
	return link, nil
}

// finish opens link_code_pairing_wrapped_key_bundle (salt 32 | nonce 12 |
// AES-256-GCM of companion identity 32, phone identity 32, random share 32) and
// returns the secret for sealIdentity. It fails with errWrongCode when the
// bundle does not open, and with errWrongIdentity when it names other keys than
// the account's and the one that the companion announced beside it.
func (l *codeLink) finish(account *keys.KeyPair, companion [32]byte, wrappedBundle []byte) (advSecret []byte, err error) {
	if len(wrappedBundle) != 32+12+96+16 {
		return nil, fmt.Errorf("wrapped key bundle of %d bytes, want 156", len(wrappedBundle))
	}
	key, err := hkdf.Key(sha256.New, l.shared, wrappedBundle[:32], "link_code_pairing_key_bundle_encryption_key", 32)
	if err != nil {
		return nil, fmt.Errorf("derive bundle key: %w", err)
	}
	content, err := gcmutil.Decrypt(key, wrappedBundle[32:44], wrappedBundle[44:], nil)
	if err != nil {
		return nil, errWrongCode
	}
	if !slices.Equal(content[:32], companion[:]) || !slices.Equal(content[32:64], account.Pub[:]) {
		return nil, errWrongIdentity
	}
	identities, err := curve25519.X25519(account.Priv[:], companion[:])
	if err != nil {
		return nil, fmt.Errorf("companion's identity key: %w", err)
	}
	return hkdf.Key(sha256.New, slices.Concat(l.shared, identities, content[64:]), nil, "adv_secret", 32)
}

// codeCrypt encrypts or decrypts a key under a pairing code.
func codeCrypt(code string, salt, iv, data []byte) ([]byte, error) {
	key, err := pbkdf2.Key(sha256.New, code, salt, codeRounds, 32)
	if err != nil {
		return nil, fmt.Errorf("derive code key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("code cipher: %w", err)
	}
	out := make([]byte, len(data))
	cipher.NewCTR(block, iv).XORKeyStream(out, data)
	return out, nil
}
