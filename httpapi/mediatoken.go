package httpapi

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"time"

	"wapid/engine"
)

// mediaTokenLife is how long the URL of a file is valid.
const mediaTokenLife = 5 * time.Minute

// mediaKey signs the URLs of files. It is drawn at every start: URLs live for minutes,
// and whoever has lost one by a restart asks for it again.
type mediaKey [32]byte

func newMediaKey() (k mediaKey) {
	rand.Read(k[:]) // never fails: it ends the program instead
	return k
}

// A token is a MAC and what it is over: the end of its time in unix seconds, the id of
// the file, and whose it is.
const (
	mediaMACSize  = sha256.Size
	mediaHeadSize = mediaMACSize + 8 + 8
)

// sign makes a token by which anybody may fetch a tenant's file until a time. It is made
// of letters, digits, - and _.
func (k mediaKey) sign(tenant engine.TenantID, id int64, until time.Time) string {
	token := make([]byte, mediaMACSize, mediaHeadSize+len(tenant))
	token = binary.BigEndian.AppendUint64(token, uint64(until.Unix()))
	token = binary.BigEndian.AppendUint64(token, uint64(id))
	token = append(token, tenant...)
	copy(token, k.mac(token[mediaMACSize:]))
	return base64.RawURLEncoding.EncodeToString(token)
}

// open reads what sign has made, unless its time is over at now. It returns CodeNotFound.
func (k mediaKey) open(text string, now time.Time) (tenant engine.TenantID, id int64, err error) {
	token, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(token) < mediaHeadSize {
		return "", 0, errMediaToken()
	}
	said := token[mediaMACSize:]
	if subtle.ConstantTimeCompare(token[:mediaMACSize], k.mac(said)) != 1 ||
		now.Unix() >= int64(binary.BigEndian.Uint64(said)) {
		return "", 0, errMediaToken()
	}
	return engine.TenantID(said[16:]), int64(binary.BigEndian.Uint64(said[8:])), nil
}

func (k mediaKey) mac(of []byte) []byte {
	h := hmac.New(sha256.New, k[:])
	h.Write([]byte("wapid media\x00"))
	h.Write(of)
	return h.Sum(nil)
}

func errMediaToken() error {
	return engine.Errorf(engine.CodeNotFound, "the URL of the file is not valid, or has expired")
}
