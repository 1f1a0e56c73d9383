package store

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"wapid/engine"
	"wapid/engine/cloudapi"
	"wapid/store/seal"
	"wapid/webhooks"
)

const (
	sealedSecret  = "SECRET-of-the-webhook-0123456789"
	newerSecret   = "SECRET-after-the-rotation-012345"
	sealedHeader  = "Basic SECRET-of-the-header"
	sealedProxy   = "socks5://u:SECRET-of-the-proxy@proxy.example:1080"
	numberToken   = "EAA-SECRET-of-the-number"
	numberApp     = "SECRET-of-the-number's-app"
	changedProxy  = "socks5://u:SECRET-of-the-next-proxy@proxy.example:1080"
	sealedApp     = "SECRET-of-the-app"
	sealedToken   = "SECRET-of-the-app-to-verify"
	allThatIsHere = "SECRET-"
)

// openSealed opens a database with keys.
func openSealed(t *testing.T, dir string, keys seal.Keys) *Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(dir, FileName), Options{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// secretsIn counts what can be read of the secrets in the files of a directory.
func secretsIn(t *testing.T, dir string) (n int) {
	t.Helper()
	for _, suffix := range []string{"", "-wal"} {
		raw, err := os.ReadFile(filepath.Join(dir, FileName+suffix))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		n += bytes.Count(raw, []byte(allThatIsHere))
	}
	return n
}

func fillSecrets(t *testing.T, s *Store) webhooks.EndpointID {
	t.Helper()
	if _, _, err := s.EnsureDefaultTenant(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, id := range []engine.SessionID{"main", "other"} {
		one := engine.Session{Key: engine.SessionKey{Tenant: DefaultTenant, ID: id}, Options: engine.SessionOptions{Proxy: sealedProxy}, CreatedAt: now, UpdatedAt: now}
		succeed(t, s.InsertSession(t.Context(), one))
	}
	succeed(t, s.ConfigureSession(t.Context(), engine.SessionKey{Tenant: DefaultTenant, ID: "other"}, "", engine.SessionOptions{Proxy: changedProxy}))
	_, _, err := s.PutCloudNumber(t.Context(), cloudapi.Number{Session: engine.SessionKey{Tenant: DefaultTenant, ID: "main"}, PhoneNumberID: "12345",
		AccessToken: numberToken, AppSecret: numberApp, VerifyHash: cloudapi.HashVerifyToken("SECRET-of-the-webhook")})
	succeed(t, err)
	e, err := s.InsertEndpoint(t.Context(), webhooks.Endpoint{Tenant: DefaultTenant, URL: "https://example.com", Secret: sealedSecret,
		Headers: map[string]string{"Authorization": sealedHeader}, Types: []engine.EventType{webhooks.AllTypes}, Enabled: true})
	succeed(t, err)
	_, err = s.RotateSecret(t.Context(), DefaultTenant, e.ID, newerSecret, time.Hour)
	succeed(t, err)
	_, err = s.App(t.Context(), DefaultTenant)
	succeed(t, err)
	succeed(t, s.update(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE apps SET secret = $1, verify_token = $2`, s.sealText(kindAppSecret, string(DefaultTenant), appRow, sealedApp),
			s.sealText(kindAppToken, string(DefaultTenant), appRow, sealedToken))
		return err
	}))
	return e.ID
}

func hasSecrets(t *testing.T, s *Store, id webhooks.EndpointID) {
	t.Helper()
	e, err := s.FindEndpointByID(t.Context(), DefaultTenant, id)
	if err != nil || e.Secret != newerSecret || e.OldSecret != sealedSecret || e.Headers["Authorization"] != sealedHeader || e.Unreadable {
		t.Errorf("the endpoint is %+v, %v", e, err)
	}
	n, err := s.FindCloudNumber(t.Context(), engine.SessionKey{Tenant: DefaultTenant, ID: "main"})
	if err != nil || n.AccessToken != numberToken || n.AppSecret != numberApp || n.Unreadable {
		t.Errorf("the number is %+v, %v", n, err)
	}
	all, err := s.ListAllSessions(t.Context())
	if err != nil || len(all) != 2 || all[0].Options.Proxy != sealedProxy || all[1].Options.Proxy != changedProxy {
		t.Errorf("the sessions are %+v, %v", all, err)
	}
	if a, err := s.App(t.Context(), DefaultTenant); err != nil || a.Secret != sealedApp || a.VerifyToken != sealedToken {
		t.Errorf("the app is %+v, %v", a, err)
	}
}

// TestSecretsAreSealed: from the first write on, in the file and in its log; and those of
// a plain database once it is opened with a key, until the key is removed again.
func TestSecretsAreSealed(t *testing.T) {
	keys := seal.Keys{Current: seal.NewKey()}
	dir := t.TempDir()
	s := openSealed(t, dir, keys)
	id := fillSecrets(t, s)
	hasSecrets(t, s, id)
	if n := secretsIn(t, dir); n > 0 {
		t.Errorf("%d secrets can be read", n)
	}
	succeed(t, s.Close())

	dir = t.TempDir()
	s = openSealed(t, dir, seal.Keys{})
	id = fillSecrets(t, s)
	succeed(t, s.Close())
	if secretsIn(t, dir) == 0 {
		t.Fatal("no secret was found in a plain database: the test proves nothing")
	}
	s = openSealed(t, dir, keys)
	hasSecrets(t, s, id)
	if n := secretsIn(t, dir); n > 0 {
		t.Errorf("after the encryption %d secrets can be read", n)
	}
	succeed(t, s.Close())
	for name, wrong := range map[string]seal.Keys{"no key": {}, "another key": {Current: seal.NewKey()}} {
		_, err := Open(t.Context(), filepath.Join(dir, FileName), Options{Keys: wrong})
		if _, ok := errors.AsType[*seal.Refusal](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	newer := seal.Keys{Current: seal.NewKey(), Old: keys.Current}
	succeed(t, Reseal(t.Context(), dir, newer, seal.Renew, func(err error) { t.Error(err) }))
	s = openSealed(t, dir, seal.Keys{Current: newer.Current})
	hasSecrets(t, s, id)
	succeed(t, s.Close())
	succeed(t, Reseal(t.Context(), dir, seal.Keys{Current: newer.Current}, seal.Decrypt, func(err error) { t.Error(err) }))
	s = openSealed(t, dir, seal.Keys{})
	hasSecrets(t, s, id)
	succeed(t, s.Close())
}

// TestASealedSecretOfAnotherRow costs its owner, who can mend it, and nobody else.
func TestASealedSecretOfAnotherRow(t *testing.T) {
	s := openSealed(t, t.TempDir(), seal.Keys{Current: seal.NewKey()})
	defer s.Close()
	bad := fillSecrets(t, s)
	other, err := s.InsertEndpoint(t.Context(), webhooks.Endpoint{Tenant: DefaultTenant, URL: "https://example.com", Secret: "of the other one", Types: []engine.EventType{webhooks.AllTypes}, Enabled: true})
	succeed(t, err)
	told := watched(s)
	for _, query := range []string{
		fmt.Sprintf(`UPDATE endpoints SET secret = (SELECT secret FROM endpoints WHERE id = '%s') WHERE id = '%s'`, other.ID, bad),
		`UPDATE sessions SET options = (SELECT options FROM sessions WHERE id = 'main') WHERE id = 'other'`,
	} {
		if _, err := s.write.db.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.ListAllSessions(t.Context())
	if err != nil || len(all) != 2 || all[0].Unreadable || !all[1].Unreadable || all[1].Options.Proxy != "" {
		t.Errorf("the sessions are %+v, %v", all, err)
	}
	key := engine.SessionKey{Tenant: DefaultTenant, ID: "main"}
	succeed(t, s.AppendEvent(t.Context(), engine.Event{Session: key, Type: engine.EventReady, Data: []byte(`{}`)}))
	claims, err := s.ClaimDeliveries(t.Context(), time.Now(), webhooks.Room{Healthy: 9, Failing: 9, PerEndpoint: 9, PerTenant: 9})
	succeed(t, err)
	for _, c := range claims {
		if c.Endpoint.ID != other.ID || c.Endpoint.Secret != "of the other one" {
			t.Errorf("claimed for %s with %q", c.Endpoint.ID, c.Endpoint.Secret)
		}
	}
	if len(claims) == 0 {
		t.Error("the other endpoint gets nothing")
	}
	wantTold(t, told, "the secret of a webhook", "endpoint", string(bad))
	on, headers := true, map[string]string{"A": "b"}
	if _, err := s.UpdateEndpoint(t.Context(), DefaultTenant, bad, webhooks.EndpointChange{Enabled: &on, Headers: &headers}); engine.CodeOf(err) != engine.CodeInvalid {
		t.Errorf("enabled without its secret: %v", err)
	}
	_, err = s.RotateSecret(t.Context(), DefaultTenant, bad, newerSecret, 0)
	succeed(t, err)
	e, err := s.UpdateEndpoint(t.Context(), DefaultTenant, bad, webhooks.EndpointChange{Enabled: &on})
	if err != nil || !e.Enabled || e.Secret != newerSecret || e.Headers["Authorization"] != sealedHeader {
		t.Errorf("mended, the endpoint is %+v, %v", e, err)
	}
}
