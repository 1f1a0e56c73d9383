package simnet

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// call sends one request to the controls and decodes the answer.
func call(t *testing.T, net *network, method, path string, body any) (int, map[string]any) {
	t.Helper()
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		reader = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(testContext(t), method, net.Describe().Control+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var answer map[string]any
	if err = json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return response.StatusCode, answer
}

// must is call for requests that succeed.
func must(t *testing.T, net *network, method, path string, body any) map[string]any {
	t.Helper()
	status, answer := call(t, net, method, path, body)
	if status != http.StatusOK {
		t.Fatalf("%s %s: %d %v", method, path, status, answer)
	}
	return answer
}

func TestControlPairsAndTalks(t *testing.T) {
	net := startNetwork(t, Config{})
	phone := net.Phone(owner)
	phone.SetPushName("Owner")
	c := newClient(t, net)
	if err := c.Connect(); err != nil {
		t.Fatal(err)
	}
	qr := await[*events.QR](c, nil)
	device := must(t, net, "POST", "/phones/"+owner+"/scan", map[string]string{"qr": qr.Codes[0]})["device"]
	if device != owner+":1@s.whatsapp.net" {
		t.Errorf("device %v", device)
	}
	await[*events.Connected](c, nil)

	must(t, net, "POST", "/phones/"+customer+"/settings", map[string]string{"pushName": "By hand"})
	id := must(t, net, "POST", "/phones/"+customer+"/send", map[string]string{"to": owner, "text": "by HTTP"})["id"]
	if m := await(c, text("by HTTP")); m.Info.ID != id || m.Info.PushName != "By hand" {
		t.Errorf("client got %+v", m.Info)
	}

	sent, err := c.SendMessage(testContext(t), types.NewJID(customer, types.DefaultUserServer), hello("reply"))
	if err != nil {
		t.Fatal(err)
	}
	inbox := must(t, net, "GET", "/phones/"+customer+"/inbox?wait=10&text=reply", nil)
	list, _ := inbox["messages"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["id"] != sent.ID {
		t.Errorf("inbox %v", inbox)
	}
	must(t, net, "POST", "/phones/"+customer+"/read", map[string]any{"chat": owner, "ids": []string{sent.ID}})
	await(c, receiptOf(sent.ID, types.ReceiptTypeRead))
	must(t, net, "POST", "/phones/"+customer+"/typing", map[string]any{"to": owner, "on": true})
	await[*events.ChatPresence](c, nil)
	if ledger := must(t, net, "GET", "/ledger?id="+sent.ID, nil)["ledger"].([]any); len(ledger) != 2 {
		t.Errorf("ledger %v", ledger)
	}
	if n := must(t, net, "GET", "/", nil)["connections"]; n != 1.0 {
		t.Errorf("%v connections", n)
	}
	fault := must(t, net, "POST", "/faults", map[string]any{"kind": "latency", "number": owner, "delay": 0.01})["id"].(string)
	if n := len(must(t, net, "GET", "/faults", nil)["faults"].([]any)); n != 1 {
		t.Errorf("%d faults", n)
	}
	must(t, net, "DELETE", "/faults/"+fault, nil)
	must(t, net, "PUT", "/absent", map[string]any{"absent": []string{"15550009009"}})
	c.settle(phone)
	must(t, net, "DELETE", "/phones/"+owner+"/devices/1", nil)
	await[*events.LoggedOut](c, nil)
}

func TestControlRefusesBadInput(t *testing.T) {
	net := startNetwork(t, Config{})
	net.SetAbsent("15550009009")
	for _, tc := range []struct {
		method, path string
		body         any
		status       int
	}{
		{"GET", "/nowhere", nil, 404},
		{"GET", "/phones/abc", nil, 400},
		{"GET", "/phones/15550009009", nil, 404},
		{"POST", "/phones/" + owner + "/scan", map[string]string{"qr": "nonsense"}, 400},
		{"POST", "/phones/" + owner + "/scan", map[string]string{"picture": "x"}, 400},
		{"POST", "/phones/" + owner + "/scan", map[string]string{}, 400},
		{"POST", "/phones/" + owner + "/code", map[string]string{"code": "ABCD-EFGH"}, 404},
		{"POST", "/phones/" + owner + "/send", map[string]string{"to": "x", "text": "y"}, 400},
		{"POST", "/phones/" + owner + "/send", map[string]string{"to": customer}, 400},
		{"POST", "/phones/" + owner + "/send", map[string]string{"to": "15550009009", "text": "y"}, 404},
		{"POST", "/phones/" + owner + "/retry", map[string]string{"id": "none"}, 404},
		{"GET", "/phones/" + owner + "/inbox?wait=-1", nil, 400},
		{"GET", "/phones/" + owner + "/inbox?wait=NaN", nil, 400},
		{"GET", "/phones/" + owner + "/inbox?wait=Inf", nil, 400},
		{"POST", "/phones/" + owner + "/scan?wait=61", map[string]string{"qr": "nonsense"}, 400},
		{"DELETE", "/phones/" + owner + "/devices/7", nil, 404},
		{"DELETE", "/phones/" + owner + "/devices/x", nil, 400},
		{"POST", "/faults", map[string]string{"kind": "earthquake"}, 400},
		{"PUT", "/absent", map[string]any{"absent": []string{"x"}}, 400},
	} {
		status, answer := call(t, net, tc.method, tc.path, tc.body)
		if status != tc.status || answer["error"] == "" || answer["error"] == nil {
			t.Errorf("%s %s: %d %v, want %d", tc.method, tc.path, status, answer, tc.status)
		}
	}
}

func TestControlOnlyOnLoopback(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "nonsense"} {
		if _, err := New(Config{Control: address}); err == nil || !strings.Contains(err.Error(), "control address") {
			t.Errorf("%s: %v", address, err)
		}
	}
	s, err := New(Config{Control: "off"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.listener.Close() }()
	if s.Describe().Control != "" {
		t.Error("controls although off")
	}
}

func TestControlTakesOneValue(t *testing.T) {
	net := startNetwork(t, Config{})
	for path, body := range map[string]string{
		"/phones/" + owner + "/send": `{"to":"` + customer + `","text":"a"} {"to":"` + customer + `","text":"b"}`,
		"/phones/" + owner + "/scan": `{"qr":"nonsense"} x`,
	} {
		response, err := http.Post(net.Describe().Control+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusBadRequest || !strings.Contains(string(answer), "follows") {
			t.Errorf("%s: %d %s (%v)", path, response.StatusCode, answer, err)
		}
		_ = response.Body.Close()
	}
}

func TestControlIsNotForWebPages(t *testing.T) {
	net := startNetwork(t, Config{})
	for _, tc := range []struct {
		host, origin string
		status       int
	}{
		{"", "", 200},
		{"localhost:1234", "", 200},
		{"[::1]", "", 200},
		{"", "https://example.com", 403},
		{"", "null", 403},
		{"rebound.example.com:9444", "", 403},
		{"192.0.2.1", "", 403},
	} {
		request, err := http.NewRequestWithContext(testContext(t), "GET", net.Describe().Control+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = tc.host
		if tc.origin != "" {
			request.Header.Set("Origin", tc.origin)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != tc.status {
			t.Errorf("host %q, origin %q: %d, want %d", tc.host, tc.origin, response.StatusCode, tc.status)
		}
	}
}

func TestControlScanEndsInTime(t *testing.T) {
	net := startNetwork(t, Config{})
	setFault(t, net, Fault{Kind: FaultPasskey, Number: owner, Times: 1})
	c := newClient(t, net)
	if err := c.Connect(); err != nil {
		t.Fatal(err)
	}
	qr := await[*events.QR](c, nil)
	status, answer := call(t, net, "POST", "/phones/"+owner+"/scan?wait=0.3", map[string]string{"qr": qr.Codes[0]})
	if said, _ := answer["error"].(string); status != http.StatusRequestTimeout || !strings.Contains(said, "has not proved its passkey in time") {
		t.Errorf("%d %v", status, answer)
	}
	if list, ok := must(t, net, "GET", "/unhandled", nil)["unhandled"].([]any); !ok || len(list) != 0 {
		t.Errorf("unhandled: %v", list)
	}
}

func TestCheckNumbers(t *testing.T) {
	if err := CheckNumbers("15550009009", "4915100000001"); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"", "+15550009009", "0155500090", "12", "1555x009009"} {
		if err := CheckNumbers("15550009009", text); !errors.Is(err, errNotANumber) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
