package simnet

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"testing"

	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"go.mau.fi/whatsmeow/util/keys"
	"golang.org/x/crypto/curve25519"
	"golang.org/x/crypto/pbkdf2"
)

// codeCompanion is the companion's half of linking by code, written after
// whatsmeow's pair-code.go, whose functions need a socket.
type codeCompanion struct {
	code      string
	ephemeral *keys.KeyPair
	identity  *keys.KeyPair
	secret    []byte
}

func drawn(t *testing.T, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(rand.Reader, b); err != nil {
		t.Fatal(err)
	}
	return b
}

func (c *codeCompanion) crypt(t *testing.T, salt, iv, data []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(pbkdf2.Key([]byte(c.code), salt, 131072, 32, sha256.New))
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, len(data))
	cipher.NewCTR(block, iv).XORKeyStream(out, data)
	return out
}

func (c *codeCompanion) hello(t *testing.T) []byte {
	salt, iv := drawn(t, 32), drawn(t, 16)
	return bytes.Join([][]byte{salt, iv, c.crypt(t, salt, iv, c.ephemeral.Pub[:])}, nil)
}

func (c *codeCompanion) finish(t *testing.T, wrappedPrimary []byte, primary [32]byte) []byte {
	t.Helper()
	theirs := c.crypt(t, wrappedPrimary[:32], wrappedPrimary[32:48], wrappedPrimary[48:80])
	shared, err := curve25519.X25519(c.ephemeral.Priv[:], theirs)
	if err != nil {
		t.Fatal(err)
	}
	salt, nonce, share := drawn(t, 32), drawn(t, 12), drawn(t, 32)
	key := hkdfutil.SHA256(shared, salt, []byte("link_code_pairing_key_bundle_encryption_key"), 32)
	sealed, err := gcmutil.Encrypt(key, nonce, bytes.Join([][]byte{c.identity.Pub[:], primary[:], share}, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	identities, err := curve25519.X25519(c.identity.Priv[:], primary[:])
	if err != nil {
		t.Fatal(err)
	}
	c.secret = hkdfutil.SHA256(bytes.Join([][]byte{shared, identities, share}, nil), nil, []byte("adv_secret"), 32)
	return bytes.Join([][]byte{salt, nonce, sealed}, nil)
}

func TestCodeLink(t *testing.T) {
	account := keys.NewKeyPair()
	for _, tt := range []struct {
		name, entered string
		want          error
	}{
		{"as shown", "ABCD-1234", nil},
		{"as typed", "abcd 1234", nil},
		{"wrong", "ABCD-1235", errWrongCode},
	} {
		t.Run(tt.name, func(t *testing.T) {
			companion := codeCompanion{code: "ABCD1234", ephemeral: keys.NewKeyPair(), identity: keys.NewKeyPair()}
			link, err := openCodeLink(tt.entered, companion.hello(t))
			if err != nil {
				t.Fatal(err)
			}
			bundle := companion.finish(t, link.wrapped, *account.Pub)
			secret, err := link.finish(account, *companion.identity.Pub, bundle)
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if tt.want == nil && !bytes.Equal(secret, companion.secret) {
				t.Error("both sides derived different secrets")
			}
			if tt.want != nil {
				return
			}
			if _, err := link.finish(account, *keys.NewKeyPair().Pub, bundle); !errors.Is(err, errWrongIdentity) {
				t.Errorf("announced another identity: %v", err)
			}
			if _, err := link.finish(keys.NewKeyPair(), *companion.identity.Pub, bundle); !errors.Is(err, errWrongIdentity) {
				t.Errorf("bundle for another account: %v", err)
			}
			if _, err := link.finish(account, *companion.identity.Pub, bundle[:100]); err == nil {
				t.Error("a short bundle was accepted")
			}
		})
	}
}

func TestNormalCode(t *testing.T) {
	for _, tt := range []struct {
		in, want string
	}{
		{"ABCD-EFGH", "ABCDEFGH"}, {"abcdefgh", "ABCDEFGH"}, {" 1234 5678 ", "12345678"},
		{"ABCD", ""}, {"ABCD-EFG0", ""}, {"ABCDEFGHJ", ""}, {"", ""}, {"ABCDEFGHABCDEFGH", ""},
	} {
		got, err := normalCode(tt.in)
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("normalCode(%q) = %q, %v, want %q", tt.in, got, err, tt.want)
		}
	}
	if _, err := openCodeLink("ABCDEFGH", make([]byte, 79)); err == nil {
		t.Error("a wrapped key of 79 bytes was accepted")
	}
}
