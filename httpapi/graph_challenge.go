package httpapi

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"time"

	"wapid/engine"
	"wapid/httpapi/cloudapi"
	"wapid/webhooks"
)

// challengeTimeout bounds how long a callback may take to answer a challenge.
const challengeTimeout = 10 * time.Second

// maxChallenge is how much is read of its answer, in bytes.
const maxChallenge = 256

// newChallenger makes the client that asks callbacks. It follows no redirects: nobody has
// named the address that they lead to.
func newChallenger(g *webhooks.Guard) *http.Client {
	if g == nil {
		g = webhooks.NewGuard(nil)
	}
	return g.Client(challengeTimeout, 0)
}

// callback checks a URL that events are to be posted to, and that whoever answers there
// knows the verify token: it has to answer a GET with the challenge that it holds, and
// nothing else. It returns the URL as it is to be kept, or *cloudapi.Error.
func (s *Server) callback(ctx context.Context, raw, token string) (string, error) {
	to, err := s.checkWebhook(raw, "")
	if err != nil {
		return "", cloudapi.Unverified(0, explain(err).Message)
	}
	challenge, err := rand.Int(rand.Reader, big.NewInt(1_000_000_000))
	if err != nil {
		return "", engine.WrapError(engine.CodeInternal, err, "there are no random numbers")
	}
	answer := fmt.Sprint(1_000_000_000 + challenge.Int64())
	return to, s.challenge(ctx, to, token, answer)
}

// challenge asks a callback once. What it answers is shown to nobody: the URL may lead to
// somebody else's server.
func (s *Server) challenge(ctx context.Context, to, token, challenge string) error {
	u, err := url.Parse(to)
	if err != nil {
		return cloudapi.Unverified(0, "the URL can't be read")
	}
	q := u.Query()
	q.Set("hub.mode", "subscribe")
	q.Set("hub.challenge", challenge)
	q.Set("hub.verify_token", token)
	u.RawQuery = q.Encode()
	ctx, cancel := context.WithTimeout(ctx, challengeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return cloudapi.Unverified(0, "the URL can't be read")
	}
	req.Header.Set("User-Agent", "wapid/"+s.version)
	resp, err := s.challenger.Do(req)
	if webhooks.Refused(err) {
		return cloudapi.Unverified(0, "the URL has no address that this server may connect to")
	}
	if err != nil {
		return cloudapi.Unverified(0, "the callback did not answer")
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return cloudapi.Unverified(resp.StatusCode, "")
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxChallenge))
	if err != nil || string(text) != challenge {
		return cloudapi.Unverified(0, "the response does not match the challenge")
	}
	return nil
}
