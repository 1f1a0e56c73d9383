package engine

import "time"

// ClaimLifetime is how long an idempotency key is remembered.
const ClaimLifetime = 24 * time.Hour

// Claim is an idempotency key with what it stands for: within ClaimLifetime a
// second request with the same key and fingerprint gets the answer of the first,
// and one with another fingerprint gets CodeConflict.
type Claim struct {
	Key         string   // as ParseIdempotencyKey allows it; unique within the tenant
	Fingerprint [32]byte // of everything that the request asks for
}

// ParseIdempotencyKey checks a caller's idempotency key: 1 to 255 printable ASCII
// characters. It returns CodeInvalid.
func ParseIdempotencyKey(s string) (string, error) {
	valid := s != "" && len(s) <= 255
	for i := 0; valid && i < len(s); i++ {
		valid = s[i] >= ' ' && s[i] <= '~'
	}
	if !valid {
		return "", Errorf(CodeInvalid, "Idempotency-Key must be 1 to 255 printable ASCII characters")
	}
	return s, nil
}
