package whatsapp

import (
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
	"wapid/engine/enginetest"
	"wapid/engine/simnet"
)

// comesBack follows a session from its linking to its first login.
func comesBack(t *testing.T, s *enginetest.Session, p *phone) engine.Identity {
	t.Helper()
	if paired := enginetest.Await[engine.SignalPaired](t, s); paired.Identity.Person != p.Person() {
		t.Fatalf("paired as %+v, want %+v", paired.Identity.Person, p.Person())
	}
	enginetest.Await[engine.SignalDropped](t, s)
	id := s.ComeBack(t)
	if err := p.Settle(t.Context(), id.Device); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestLinksByPairingCode(t *testing.T) {
	sim := simulate(t)
	p := sim.phone()
	s := pairing(t, sim.open(t, nil))
	qr := enginetest.Await[engine.SignalQR](t, s)
	linker := s.Conn.(engine.Linking)
	stale, err := linker.PairingCode(t.Context(), p.Number())
	if err != nil {
		t.Fatal(err)
	}
	code, err := linker.PairingCode(t.Context(), p.Number())
	if err != nil {
		t.Fatal(err)
	}
	if len(code.Code) != 8 || code.Code == stale.Code {
		t.Fatalf("a code of %d characters, the same as before: %v", len(code.Code), code.Code == stale.Code)
	}
	// Five more codes of 20 s follow the first.
	if want := qr.ExpiresAt.Add(100 * time.Second); !code.ExpiresAt.Equal(want) {
		t.Errorf("the code ends at %v, want %v", code.ExpiresAt, want)
	}
	if _, err := p.EnterCode(t.Context(), code.Code); err != nil {
		t.Fatal(err)
	}
	comesBack(t, s, p)
	_, err = linker.PairingCode(t.Context(), p.Number())
	wantCode(t, err, engine.CodeSessionNotReady)
	s.End(t)
}

func TestPairingCodesThatAreNotGiven(t *testing.T) {
	sim := simulate(t)
	p := sim.phone()
	sim.SetAbsent(p.Number())
	s := pairing(t, sim.open(t, nil))
	enginetest.Await[engine.SignalQR](t, s)
	linker := s.Conn.(engine.Linking)
	for _, number := range []string{"123", "0123456789", p.Number()} {
		_, err := linker.PairingCode(t.Context(), number)
		wantCode(t, err, engine.CodeInvalid)
	}
	wantCode(t, linker.ConfirmPasskey(t.Context()), engine.CodeSessionNotReady)
	s.Conn.Close()
	_, err := linker.PairingCode(t.Context(), p.Number())
	wantCode(t, err, engine.CodeSessionNotReady)
	s.End(t)
}

func TestLinksWithPasskey(t *testing.T) {
	sim := simulate(t)
	p := sim.phone()
	sim.fault(t, simnet.Fault{Kind: simnet.FaultPasskey, Number: p.Number(), Times: 1})
	s := pairing(t, sim.open(t, nil))
	code := enginetest.Await[engine.SignalQR](t, s).Code
	scanned := make(chan error, 1)
	go func() { scanned <- p.Scan(t.Context(), code) }()
	raw := enginetest.Await[engine.SignalPasskey](t, s).Challenge
	var request types.WebAuthnPublicKey
	if err := json.Unmarshal(raw, &request); err != nil {
		t.Fatal(err)
	}
	answer, err := p.SignPasskey(&request)
	if err != nil {
		t.Fatal(err)
	}
	credential, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Conn.(engine.Linking).AnswerPasskey(t.Context(), credential); err != nil {
		t.Fatal(err)
	}
	if err := <-scanned; err != nil {
		t.Fatal(err)
	}
	comesBack(t, s, p)
	s.End(t)
}

func TestWrongPasskeyIsTold(t *testing.T) {
	sim := simulate(t)
	p := sim.phone()
	sim.fault(t, simnet.Fault{Kind: simnet.FaultPasskey, Number: p.Number(), Times: 1})
	s := pairing(t, sim.open(t, nil))
	code := enginetest.Await[engine.SignalQR](t, s).Code
	scanned := make(chan error, 1)
	go func() { scanned <- p.Scan(t.Context(), code) }()
	raw := enginetest.Await[engine.SignalPasskey](t, s).Challenge
	var request types.WebAuthnPublicKey
	if err := json.Unmarshal(raw, &request); err != nil {
		t.Fatal(err)
	}
	linker := s.Conn.(engine.Linking)
	wantCode(t, linker.AnswerPasskey(t.Context(), json.RawMessage(`{"id":"AA","type":"public-key"}`)), engine.CodeInvalid)
	answer, err := p.SignPasskey(&request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Response.Signature[8] ^= 1
	credential, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, linker.AnswerPasskey(t.Context(), credential), engine.CodeInvalid)
	if err := <-scanned; err == nil {
		t.Error("linked with a wrong signature")
	}
	s.End(t)
}

func TestParseCredential(t *testing.T) {
	bytes := base64.RawURLEncoding.EncodeToString([]byte("some bytes"))
	whole := `{"id":"` + bytes + `","rawId":"` + bytes + `","type":"public-key","authenticatorAttachment":"platform","clientExtensionResults":{},` +
		`"response":{"clientDataJSON":"` + bytes + `","authenticatorData":"` + bytes + `","signature":"` + bytes + `","userHandle":null}}`
	if c, err := parseCredential([]byte(whole)); err != nil || string(c.RawID) != "some bytes" {
		t.Errorf("a whole credential: %v", err)
	}
	if c, err := parseCredential([]byte(`{"id":"` + bytes + `","type":"public-key","response":{"clientDataJSON":"` + bytes +
		`","authenticatorData":"` + bytes + `","signature":"` + bytes + `"}}`)); err != nil || string(c.RawID) != "some bytes" {
		t.Errorf("without rawId: %v", err)
	}
	for _, broken := range []string{
		``, `null`, `{}`, `[]`, `{"id":5}`, `{"id":"AA","rawId":"AA==","type":"public-key"}`,
		`{"id":"AA","rawId":"AA","type":"public-key","response":{}}`,
		`{"id":"AA","rawId":"AA","type":"password","response":{"clientDataJSON":"AA","authenticatorData":"AA","signature":"AA"}}`,
	} {
		_, err := parseCredential([]byte(broken))
		wantCode(t, err, engine.CodeInvalid)
	}
}
