package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"wapid/engine"
	"wapid/engine/simnet"
)

// Somebody opts out while a job runs, is skipped by it and by the next one under
// either address, can still be written to alone, and comes back.
func TestOptingOutDuringABulkJob(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	d := startDaemon(t, "", network, dir)
	me := network.Phone("919876543200")
	d.pair(t, "main", me)
	asha, ravi, mia := network.Phone("919876543210"), network.Phone("919876543211"), network.Phone("919876543212")
	receiver := startHooks(t)
	d.must(t, 200, "PUT", "/api/account/webhook", map[string]any{"url": receiver.server.URL, "secret": hookSecret, "events": []string{"optout"}})

	job := d.must(t, 200, "POST", sessionPath("main")+"/send-bulk", map[string]any{
		"recipients": []string{asha.Number(), ravi.Number(), mia.Number()}, "message": "Sale!", "delayMin": 5000, "delayMax": 5000,
	})
	eventually(t, "the first is sent", func() bool { return d.must(t, 200, "GET", bulkPath(job), nil).body["processed"] == 1.0 })
	d.must(t, 200, "POST", bulkPath(job)+"/pause", nil)
	if _, err := ravi.SendText(t.Context(), me.JID(), " Stop! "); err != nil {
		t.Fatal(err)
	}
	said := optOutOf(t, receiver, func(o engine.OptOutData) bool { return o.Phone == ravi.Number() })
	if !said.OptedOut || said.LID != engine.JID(ravi.LID().String()) || said.Word != "stop" || said.Source != "message" || said.MessageID == "" {
		t.Errorf("told was %+v", said)
	}
	d.must(t, 200, "POST", bulkPath(job)+"/resume", nil)
	if done := d.awaitBulk(t, bulkPath(job)); done.text("status") != "completed" || done.body["succeeded"] != 2.0 || done.body["skipped"] != 1.0 || done.body["failed"] != 0.0 {
		t.Errorf("the job ended as %s", done.raw)
	}
	skipped := d.must(t, 200, "GET", bulkPath(job)+"/items?status=skipped", nil)
	if item := skipped.body["items"].([]any)[0].(map[string]any); item["recipient"] != ravi.Number() || item["errorCode"] != "OPTED_OUT" {
		t.Errorf("skipped are %s", skipped.raw)
	}
	if _, err := arrive(t, mia, func(m simnet.Received) bool { return m.Text == "Sale!" }); err != nil {
		t.Error(err)
	}

	d.kill()
	d = startDaemon(t, "", network, dir)
	d.awaitStatus(t, "main", "ready")
	again := d.must(t, 200, "POST", sessionPath("main")+"/send-bulk", map[string]any{
		"recipients": []string{ravi.Number(), asha.Number(), ravi.LID().String()}, "message": "Sale again!", "delayMin": 0, "delayMax": 0,
	})
	if list, _ := again.body["skipped"].([]any); again.body["total"] != 3.0 || len(list) != 2 {
		t.Errorf("the next job is %s", again.raw)
	}
	if done := d.awaitBulk(t, bulkPath(again)); done.body["succeeded"] != 1.0 || done.body["skipped"] != 2.0 {
		t.Errorf("the next job ended as %s", done.raw)
	}
	d.send(t, "main", ravi.Number(), "Your order is on its way")
	if _, err := arrive(t, ravi, func(m simnet.Received) bool { return strings.HasPrefix(m.Text, "Your order") }); err != nil {
		t.Error(err)
	}
	if got := texts(ravi); got["Sale!"]+got["Sale again!"] != 0 {
		t.Errorf("who has opted out got %v", got)
	}
	d.must(t, 200, "GET", "/api/whatsapp/opt-outs/"+ravi.Number(), nil)
	if _, err := ravi.SendText(t.Context(), me.JID(), "START"); err != nil {
		t.Fatal(err)
	}
	optOutOf(t, receiver, func(o engine.OptOutData) bool { return o.Phone == ravi.Number() && !o.OptedOut })
	d.must(t, 404, "GET", "/api/whatsapp/opt-outs/"+ravi.Number(), nil)
}

// optOutOf waits for an event of the list of opt-outs.
func optOutOf(t *testing.T, h *hooks, match func(engine.OptOutData) bool) (found engine.OptOutData) {
	t.Helper()
	h.await(t, "optout", func(d hook) bool {
		var told struct{ Data engine.OptOutData }
		if d.Event != "optout" || json.Unmarshal([]byte(d.Raw), &told) != nil || !match(told.Data) {
			return false
		}
		found = told.Data
		return true
	})
	return found
}

// A spreadsheet's file of recipients, whose numbers are looked up first: nothing is
// sent to those who are not there. The results come back as such a file.
func TestBulkFromAFileWithCheckedNumbers(t *testing.T) {
	network := startNetwork(t)
	d := startDaemon(t, "", network, t.TempDir())
	d.pair(t, "main", network.Phone("919876543200"))
	asha, ravi := network.Phone("919876543210"), network.Phone("919876543212")
	network.SetAbsent("919876543211", "919876543213")
	d.must(t, 200, "POST", "/api/whatsapp/opt-outs", map[string]any{"phone": "+91 98765 43214"})
	job := d.bulkForm(t, "main", map[string]string{"message": "Hi {{name}}", "checkNumbers": "true", "delayMin": "0", "delayMax": "0"},
		"\ufeffName;Mobile\r\nNobody;919876543211\r\nAsha;+91 98765 43210\r\nSpoilt;9.19877E+11\r\nRavi;'919876543212\r\nNobody;919876543213\r\nOut;919876543214\r\n")
	if invalid, _ := job.body["invalid"].([]any); job.body["total"] != 5.0 || len(invalid) != 1 || invalid[0].(map[string]any)["row"] != 4.0 {
		t.Errorf("the job is %s", job.raw)
	}
	done := d.awaitBulk(t, bulkPath(job))
	if done.text("status") != "completed" || done.body["succeeded"] != 2.0 || done.body["failed"] != 2.0 || done.body["skipped"] != 1.0 || done.body["invalid"] != 1.0 {
		t.Errorf("the job ended as %s", done.raw)
	}
	for phone, want := range map[*simnet.Phone]string{asha: "Hi Asha", ravi: "Hi Ravi"} {
		if _, err := arrive(t, phone, func(m simnet.Received) bool { return m.Text == want }); err != nil {
			t.Errorf("%s: %v", want, err)
		}
	}
	if log := d.must(t, 200, "GET", "/api/whatsapp/messages?direction=out", nil); log.body["total"] != 2.0 {
		t.Errorf("the log has more than the two sends: %s", log.raw)
	}
	rows := d.bulkResults(t, job)
	var shown []string
	for _, row := range rows[1:] {
		shown = append(shown, row[1]+" "+row[2]+" "+row[5])
	}
	want := "919876543211 failed NOT_ON_WHATSAPP|919876543210 sent |919876543212 sent |919876543213 failed NOT_ON_WHATSAPP|919876543214 skipped OPTED_OUT"
	if got := strings.Join(shown, "|"); got != want {
		t.Errorf("the results are %s", got)
	}
}

// bulkForm starts a job from a form with a file of recipients.
func (a *api) bulkForm(t *testing.T, id string, fields map[string]string, list string) answer {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part, err := form.CreateFormFile("recipients", "people.csv")
	if err == nil {
		_, err = io.WriteString(part, list)
	}
	for name, value := range fields {
		if err == nil {
			err = form.WriteField(name, value)
		}
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	raw := a.exchange(t, http.MethodPost, sessionPath(id)+"/send-bulk", form.FormDataContentType(), &b)
	ans := answer{raw: raw}
	if err := json.Unmarshal([]byte(raw), &ans.body); err != nil {
		t.Fatal(err)
	}
	return ans
}

// bulkResults are the rows of a job's CSV file.
func (a *api) bulkResults(t *testing.T, job answer) [][]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(a.exchange(t, http.MethodGet, bulkPath(job)+"/items?format=csv", "", nil))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// exchange sends a request whose body, or answer, is no JSON, and expects 200.
func (a *api) exchange(t *testing.T, method, path, contentType string, body io.Reader) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, a.base+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-API-Key", a.key)
	req.Header.Set("Content-Type", contentType)
	res, err := a.http().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s answered %d %s, %v", method, path, res.StatusCode, raw, err)
	}
	return string(raw)
}
