package main

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// The receiver serves every format that a webhook can have: a callback of Meta's is
// refused unless the receiver repeats the challenge.
func TestTheSandboxReceiverTakesEveryFormat(t *testing.T) {
	var out bytes.Buffer
	r, err := startReceiver("127.0.0.1:0", &out)
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + r.listener.Addr().String()

	answer, err := http.Get(url + "/meta?hub.mode=subscribe&hub.challenge=4711&hub.verify_token=any")
	if err != nil {
		t.Fatal(err)
	}
	echo, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil || answer.StatusCode != http.StatusOK || string(echo) != "4711" {
		t.Errorf("the challenge is answered with %d %q (%v)", answer.StatusCode, echo, err)
	}

	for _, body := range []string{
		`{"object":"whatsapp_business_account","entry":[{"id":"1"}]}`,
		`{"event":"message.received","timestamp":1708243200,"data":{"text":"Hi"}}`,
		`{"tenantId":"default","event":"message","sessionId":"main","timestamp":1,"data":{"body":"Hi"}}`,
	} {
		answer, err := http.Post(url+"/hook", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusNoContent {
			t.Errorf("%s is answered with %d", body, answer.StatusCode)
		}
	}
	r.stop()
	want := `webhook ← the challenge of /meta is answered
webhook ← {"object":"whatsapp_business_account","entry":[{"id":"1"}]}
webhook ← {"event":"message.received","timestamp":1708243200,"data":{"text":"Hi"}}
webhook ← message of session main: {"body":"Hi"}
`
	if out.String() != want {
		t.Errorf("printed:\n%swant:\n%s", out.String(), want)
	}
}
