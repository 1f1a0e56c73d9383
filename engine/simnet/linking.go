package simnet

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/util/keys"
	"google.golang.org/protobuf/proto"
)

// Errors of linking. All of them mean that one side did not follow the
// protocol or that an outsider interfered.
var (
	errBadQR           = errors.New("not a linking QR code")
	errBadSignature    = errors.New("device identity with a wrong signature")
	errWrongIdentity   = errors.New("device identity other than the one issued")
	errIncompleteProof = errors.New("incomplete device identity")
)

// A signature in a device identity covers one of these prefixes, so that an
// account's signature can never pass for a device's (source: whatsmeow
// pair.go, Baileys Defaults). Hosted accounts use others and are not simulated.
const (
	accountSignaturePrefix = "\x06\x00"
	deviceSignaturePrefix  = "\x06\x01"
)

// qrCode is what a companion shows for a phone to scan.
type qrCode struct {
	ref       string   // The server's name for the socket that shows this code.
	noise     [32]byte // The key that the companion's logins will use.
	identity  [32]byte
	advSecret []byte // 32 bytes, shared only through the optical channel.
	client    string // One character naming the kind of client; older clients leave it out.
}

// parseQR reads the text of a QR code: ref, noise key, identity key and secret
// in standard base64, and optionally the kind of client, separated by commas.
// Newer clients put a link before it that ends at the last '#'. The error
// wraps errBadQR and does not repeat the text, which contains a secret.
func parseQR(text string) (qrCode, error) {
	parts := strings.Split(text[strings.LastIndexByte(text, '#')+1:], ",")
	if len(parts) != 4 && len(parts) != 5 {
		return qrCode{}, fmt.Errorf("%w: %d fields", errBadQR, len(parts))
	}
	if parts[0] == "" {
		return qrCode{}, fmt.Errorf("%w: no ref", errBadQR)
	}
	code := qrCode{ref: parts[0]}
	for i, name := range []string{"noise key", "identity key", "secret"} {
		value, err := base64.StdEncoding.DecodeString(parts[i+1])
		if err != nil || len(value) != 32 {
			return qrCode{}, fmt.Errorf("%w: %s is not 32 bytes of base64", errBadQR, name)
		}
		switch i {
		case 0:
			code.noise = [32]byte(value)
		case 1:
			code.identity = [32]byte(value)
		case 2:
			code.advSecret = value
		}
	}
	if len(parts) == 5 {
		code.client = parts[4]
	}
	return code, nil
}

// issueIdentity makes the device identity with which an account takes in a
// companion: details naming the account's device list (rawID, the same for all
// companions of one account) and the companion's index in it, signed by the
// account. The companion adds its own signature: see verifyIdentity.
func issueIdentity(account *keys.KeyPair, companion [32]byte, rawID, keyIndex uint32, at time.Time) (*waAdv.ADVSignedDeviceIdentity, error) {
	details, err := proto.Marshal(&waAdv.ADVDeviceIdentity{
		RawID:       proto.Uint32(rawID),
		Timestamp:   proto.Uint64(uint64(at.Unix())),
		KeyIndex:    proto.Uint32(keyIndex),
		AccountType: waAdv.ADVEncryptionType_E2EE.Enum(),
		DeviceType:  waAdv.ADVEncryptionType_E2EE.Enum(),
	})
	if err != nil {
		return nil, fmt.Errorf("encode device identity: %w", err)
	}
	signature := ecc.CalculateSignature(ecc.NewDjbECPrivateKey(*account.Priv),
		slices.Concat([]byte(accountSignaturePrefix), details, companion[:]))
	return &waAdv.ADVSignedDeviceIdentity{
		Details:             details,
		AccountSignatureKey: account.Pub[:],
		AccountSignature:    signature[:],
	}, nil
}

// sealIdentity wraps an issued identity for <device-identity> in pair-success.
// The MAC under the secret from the QR code or the code exchange proves to the
// companion that this phone, and not the server, issued it.
func sealIdentity(issued *waAdv.ADVSignedDeviceIdentity, advSecret []byte) ([]byte, error) {
	inner, err := proto.Marshal(issued)
	if err != nil {
		return nil, fmt.Errorf("encode signed device identity: %w", err)
	}
	mac := hmac.New(sha256.New, advSecret)
	mac.Write(inner)
	sealed, err := proto.Marshal(&waAdv.ADVSignedDeviceIdentityHMAC{Details: inner, HMAC: mac.Sum(nil)})
	if err != nil {
		return nil, fmt.Errorf("encode sealed device identity: %w", err)
	}
	return sealed, nil
}

// acceptAnswer checks the <device-identity> in a companion's pair-device-sign
// and returns the complete identity, signed by both sides. The companion
// leaves the account's key out (source: whatsmeow pair.go); everything else
// must be what was issued. Errors wrap errWrongIdentity, errIncompleteProof or
// errBadSignature.
func acceptAnswer(issued *waAdv.ADVSignedDeviceIdentity, companion [32]byte, answer []byte) (*waAdv.ADVSignedDeviceIdentity, error) {
	var signed waAdv.ADVSignedDeviceIdentity
	if err := proto.Unmarshal(answer, &signed); err != nil {
		return nil, fmt.Errorf("%w: %w", errIncompleteProof, err)
	}
	if key := signed.GetAccountSignatureKey(); len(key) > 0 && !slices.Equal(key, issued.GetAccountSignatureKey()) {
		return nil, errWrongIdentity
	}
	if !slices.Equal(signed.GetDetails(), issued.GetDetails()) || !slices.Equal(signed.GetAccountSignature(), issued.GetAccountSignature()) {
		return nil, errWrongIdentity
	}
	signed.AccountSignatureKey = issued.GetAccountSignatureKey()
	if err := verifyIdentity(&signed, [32]byte(issued.GetAccountSignatureKey()), companion); err != nil {
		return nil, err
	}
	return &signed, nil
}

// verifyIdentity checks both signatures of a complete device identity, as a
// phone does with the one that comes along with the first message of a
// companion it has not met: account is the sender's primary identity,
// companion the identity inside the pkmsg. Errors wrap errIncompleteProof,
// errWrongIdentity or errBadSignature.
func verifyIdentity(signed *waAdv.ADVSignedDeviceIdentity, account, companion [32]byte) error {
	if len(signed.GetAccountSignature()) != 64 || len(signed.GetDeviceSignature()) != 64 || len(signed.GetDetails()) == 0 {
		return errIncompleteProof
	}
	if key := signed.GetAccountSignatureKey(); len(key) > 0 && !slices.Equal(key, account[:]) {
		return errWrongIdentity
	}
	byAccount := slices.Concat([]byte(accountSignaturePrefix), signed.GetDetails(), companion[:])
	if !ecc.VerifySignature(ecc.NewDjbECPublicKey(account), byAccount, [64]byte(signed.GetAccountSignature())) {
		return fmt.Errorf("%w: the account's", errBadSignature)
	}
	byDevice := slices.Concat([]byte(deviceSignaturePrefix), signed.GetDetails(), companion[:], account[:])
	if !ecc.VerifySignature(ecc.NewDjbECPublicKey(companion), byDevice, [64]byte(signed.GetDeviceSignature())) {
		return fmt.Errorf("%w: the device's", errBadSignature)
	}
	return nil
}
