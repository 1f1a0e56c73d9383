package simnet

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"go.mau.fi/whatsmeow/proto/waMmsRetry"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/cbcutil"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"google.golang.org/protobuf/proto"
)

// errBadMedia says that a media file is not what its message describes.
var errBadMedia = errors.New("media file that does not fit its message")

// mediaMAC is the number of bytes of HMAC-SHA256 that end an encrypted file.
const mediaMAC = 10

// mediaClass is how a kind of file is encrypted and stored: the HKDF info of
// its keys and its segment in the path /mms/<segment>/<hash> (source: whatsmeow
// download.go).
type mediaClass struct{ info, segment string }

// mediaClassOf finds the class of a kind. Voice notes are stored as audio and
// stickers as images. It fails for an unknown kind.
func mediaClassOf(kind MediaKind) (mediaClass, error) {
	switch kind {
	case MediaImage:
		return mediaClass{"WhatsApp Image Keys", "image"}, nil
	case MediaSticker:
		return mediaClass{"WhatsApp Image Keys", "image"}, nil
	case MediaVideo:
		return mediaClass{"WhatsApp Video Keys", "video"}, nil
	case MediaAudio:
		return mediaClass{"WhatsApp Audio Keys", "audio"}, nil
	case MediaDocument:
		return mediaClass{"WhatsApp Document Keys", "document"}, nil
	case mediaHistory:
		return mediaClass{"WhatsApp History Keys", "md-msg-hist"}, nil
	case mediaAppState:
		return mediaClass{"WhatsApp App State Keys", "md-app-state"}, nil
	}
	return mediaClass{}, fmt.Errorf("unknown kind of media %q", kind)
}

// sealedMedia is an encrypted file and what its message must say about it.
type sealedMedia struct {
	body      []byte // What is uploaded: AES-256-CBC, then mediaMAC bytes of MAC.
	key       []byte // 32 bytes, from which IV, cipher key and MAC key derive.
	plainHash []byte // SHA-256 of the plaintext.
	bodyHash  []byte // SHA-256 of body, by which the media host stores it.
	length    uint64 // Of the plaintext, in bytes.
}

// sealMedia encrypts a file under a fresh key.
func sealMedia(class mediaClass, plaintext []byte) (sealedMedia, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // crypto/rand never returns an error since Go 1.24.
	iv, cipherKey, macKey, err := mediaKeys(class, key)
	if err != nil {
		return sealedMedia{}, err
	}
	body, err := cbcutil.Encrypt(cipherKey, iv, plaintext)
	if err != nil {
		return sealedMedia{}, fmt.Errorf("encrypt media: %w", err)
	}
	body = append(body, mediaTag(macKey, iv, body)...)
	plainHash, bodyHash := sha256.Sum256(plaintext), sha256.Sum256(body)
	return sealedMedia{
		body: body, key: key,
		plainHash: plainHash[:], bodyHash: bodyHash[:],
		length: uint64(len(plaintext)),
	}, nil
}

// openMedia decrypts a downloaded file and checks all that its message says
// about it. The error wraps errBadMedia.
func openMedia(class mediaClass, want sealedMedia, body []byte) ([]byte, error) {
	if hash := sha256.Sum256(body); !slices.Equal(hash[:], want.bodyHash) {
		return nil, fmt.Errorf("%w: hash of the encrypted file", errBadMedia)
	}
	if len(body) < aes.BlockSize+mediaMAC || (len(body)-mediaMAC)%aes.BlockSize != 0 {
		return nil, fmt.Errorf("%w: length", errBadMedia)
	}
	iv, cipherKey, macKey, err := mediaKeys(class, want.key)
	if err != nil {
		return nil, err
	}
	encrypted, tag := body[:len(body)-mediaMAC], body[len(body)-mediaMAC:]
	if !hmac.Equal(tag, mediaTag(macKey, iv, encrypted)) {
		return nil, fmt.Errorf("%w: MAC", errBadMedia)
	}
	block, err := aes.NewCipher(cipherKey)
	if err != nil {
		return nil, fmt.Errorf("media cipher: %w", err)
	}
	plain := make([]byte, len(encrypted))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, encrypted)
	count := int(plain[len(plain)-1])
	if count == 0 || count > aes.BlockSize {
		return nil, fmt.Errorf("%w: padding", errBadMedia)
	}
	plain = plain[:len(plain)-count]
	if hash := sha256.Sum256(plain); !slices.Equal(hash[:], want.plainHash) {
		return nil, fmt.Errorf("%w: hash of the file", errBadMedia)
	}
	if uint64(len(plain)) != want.length {
		return nil, fmt.Errorf("%w: %d bytes, message says %d", errBadMedia, len(plain), want.length)
	}
	return plain, nil
}

func mediaKeys(class mediaClass, key []byte) (iv, cipherKey, macKey []byte, err error) {
	all, err := hkdf.Key(sha256.New, key, nil, class.info, 112)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("derive media keys: %w", err)
	}
	return all[:16], all[16:48], all[48:80], nil
}

func mediaTag(macKey, iv, encrypted []byte) []byte {
	mac := hmac.New(sha256.New, macKey)
	mac.Write(iv)
	mac.Write(encrypted)
	return mac.Sum(nil)[:mediaMAC]
}

// openMediaRetry reads a companion's request (receipt type=server-error) to
// upload a file again. It fails when the request is not about this message or
// not under its media key.
func openMediaRetry(id types.MessageID, mediaKey, iv, ciphertext []byte) error {
	key, err := mediaRetryKey(mediaKey)
	if err != nil {
		return err
	}
	plain, err := gcmutil.Decrypt(key, iv, ciphertext, []byte(id))
	if err != nil {
		return fmt.Errorf("%w: retry request: %w", errBadMedia, err)
	}
	var receipt waMmsRetry.ServerErrorReceipt
	if err := proto.Unmarshal(plain, &receipt); err != nil {
		return fmt.Errorf("%w: retry request: %w", errBadMedia, err)
	}
	if receipt.GetStanzaID() != id {
		return fmt.Errorf("%w: retry request for another message", errBadMedia)
	}
	return nil
}

// sealMediaRetry writes the phone's answer, a notification type=mediaretry. On
// success it names the path of the new upload; without a path it says that the
// phone no longer has the file.
func sealMediaRetry(id types.MessageID, mediaKey []byte, directPath string) (iv, ciphertext []byte, err error) {
	answer := &waMmsRetry.MediaRetryNotification{
		StanzaID: proto.String(id),
		Result:   waMmsRetry.MediaRetryNotification_NOT_FOUND.Enum(),
	}
	if directPath != "" {
		answer.DirectPath = proto.String(directPath)
		answer.Result = waMmsRetry.MediaRetryNotification_SUCCESS.Enum()
	}
	plain, err := proto.Marshal(answer)
	if err != nil {
		return nil, nil, fmt.Errorf("encode media retry: %w", err)
	}
	key, err := mediaRetryKey(mediaKey)
	if err != nil {
		return nil, nil, err
	}
	iv = make([]byte, 12)
	_, _ = rand.Read(iv) // crypto/rand never returns an error since Go 1.24.
	if ciphertext, err = gcmutil.Encrypt(key, iv, plain, []byte(id)); err != nil {
		return nil, nil, fmt.Errorf("encrypt media retry: %w", err)
	}
	return iv, ciphertext, nil
}

func mediaRetryKey(mediaKey []byte) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, mediaKey, nil, "WhatsApp Media Retry Notification", 32)
	if err != nil {
		return nil, fmt.Errorf("derive media retry key: %w", err)
	}
	return key, nil
}
