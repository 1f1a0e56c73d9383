package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"wapid/bulk"
	"wapid/engine"
	"wapid/store"
)

// startBulkJob asks for a job without delays and returns its id.
func (d *daemon) startBulkJob(body string) bulk.JobID {
	d.t.Helper()
	r := d.post("/api/whatsapp/session/main/send-bulk", body)
	d.wants(r, http.StatusOK, "")
	var started struct{ JobID bulk.JobID }
	if err := json.Unmarshal([]byte(r.body), &started); err != nil {
		d.t.Fatal(err)
	}
	return started.JobID
}

func (d *daemon) awaitJob(id bulk.JobID, status bulk.Status) reply {
	d.t.Helper()
	return d.await("/api/whatsapp/bulk-job/"+string(id), func(r reply) bool {
		return strings.HasPrefix(r.body, `{"status":"`+string(status)+`"`)
	})
}

var (
	startedAsDocumented = regexp.MustCompile(`^\{"jobId":"[0-9a-f]{24}","total":3\}$`)
	jobAsDocumented     = regexp.MustCompile(`^\{"status":"completed","total":3,"succeeded":3,"failed":0,"processed":3,"jobId":"[0-9a-f]{24}","sessionId":"main",` +
		`"createdAt":"[^"]+","startedAt":"[^"]+","finishedAt":"[^"]+","invalid":0,"skipped":0,"paused":false\}$`)
)

func TestBulkAsTheDocumentHasIt(t *testing.T) {
	d := start(t)
	d.link("main")
	r := d.post("/api/whatsapp/session/main/send-bulk", `{
"recipients": ["919876543210", "919876543211", "919876543212"],
"message": "Flash sale! 30% off all products today only.",
"delayMin": 1,
"delayMax": 2
}`)
	d.wants(r, http.StatusOK, "")
	if !startedAsDocumented.MatchString(r.body) {
		t.Errorf("answers %s", r.body)
	}
	id := bulk.JobID(r.body[10:34])
	if r = d.awaitJob(id, bulk.StatusCompleted); !jobAsDocumented.MatchString(r.body) {
		t.Errorf("answers %s", r.body)
	}
	for i, m := range d.network.all() {
		if m.Text != "Flash sale! 30% off all products today only." || m.To != engine.JID(fmt.Sprintf("91987654321%d@s.whatsapp.net", i)) {
			t.Errorf("sent %+v", m)
		}
	}
}

func TestBulkFillsInFields(t *testing.T) {
	d := start(t)
	d.link("main")
	r := d.post("/api/whatsapp/session/main/send-bulk", `{"recipients":[
		{"phone":"919876543210","name":"Asha","code":4711},"+91 98765 43210",{"phone":919876543211,"name":"Ravi","code":"12"},
		{"phone":"919876543212","name":"Mia"},"12",{"phone":"919876543213","name":null,"code":1.50}],
		"message":"Hi {{name|friend}}, {{code}}","header":"{{phone}}","delayMin":0,"delayMax":0}`)
	d.wants(r, http.StatusOK, "")
	var started bulkResponse
	if err := json.Unmarshal([]byte(r.body), &started); err != nil {
		t.Fatal(err)
	}
	if started.Total != 3 || len(started.Duplicates) != 1 || started.Duplicates[0].Index != 1 || len(started.Invalid) != 2 ||
		started.Invalid[0].Index != 3 || started.Invalid[1].Recipient != "12" {
		t.Errorf("answers %s", r.body)
	}
	d.awaitJob(started.JobID, bulk.StatusCompleted)
	var texts []string
	for _, m := range d.network.all() {
		texts = append(texts, m.Text)
	}
	want := []string{"*919876543210*\n\nHi Asha, 4711", "*919876543211*\n\nHi Ravi, 12", "*919876543213*\n\nHi friend, 1.50"}
	if fmt.Sprint(texts) != fmt.Sprint(want) {
		t.Errorf("sent %q", texts)
	}
	items := d.get("/api/whatsapp/bulk-job/" + string(started.JobID) + "/items?status=sent&limit=2&page=2")
	d.wants(items, http.StatusOK, "")
	if !strings.HasPrefix(items.body, `{"items":[{"index":2,"recipient":"919876543213","status":"sent","messageId":"`) ||
		!strings.HasSuffix(items.body, `"sentAt":"2024-02-18T08:00:00.000Z","sessionId":"main"}],"total":3,"page":2,"pages":2}`) {
		t.Errorf("items are %s", items.body)
	}
}

// Who would get nothing, or a gap from an empty cell, is told of when the job is made.
func TestBulkLeavesNoGaps(t *testing.T) {
	d := start(t)
	d.link("main")
	r := d.post(bulkPath, `{"recipients":[{"phone":"919876543210","name":""}],"message":"{{name}}"}`)
	d.wants(r, http.StatusBadRequest, engine.CodeInvalid)
	if !strings.Contains(r.body, "the message is empty with this recipient's fields") {
		t.Errorf("answers %s", r.body)
	}
	started := d.startedBulk(d.form(bulkPath, formPart{name: "message", value: "Hi {{name}}, {{shop|we}} miss you"}, csvPart("phone,name,shop\n919876543210,Asha,\n919876543211,,Goa\n")))
	if started.Total != 1 || len(started.Invalid) != 1 || started.Invalid[0].Row != 3 || !strings.Contains(started.Invalid[0].Reason, `"name"`) {
		t.Errorf("started %+v", started)
	}
	d.awaitJob(started.JobID, bulk.StatusCompleted)
	if sent := d.network.all(); len(sent) != 1 || sent[0].Text != "Hi Asha, we miss you" {
		t.Errorf("sent %+v", sent)
	}
}

func TestBulkRefusals(t *testing.T) {
	d := start(t)
	d.link("main")
	for body, says := range map[string]string{
		`{"message":"Hi"}`:                                                           "recipients is required",
		`{"recipients":[],"message":"Hi"}`:                                           "recipients is required",
		`{"recipients":"919876543210","message":"Hi"}`:                               "must be an array",
		`{"recipients":["919876543210"]}`:                                            "message is required",
		`{"recipients":["1","x"],"message":"Hi"}`:                                    "none of the recipients",
		`{"recipients":["919876543210"],"message":"Hi {{name}}"}`:                    `field \"name\"`,
		`{"recipients":[true],"message":"Hi"}`:                                       "recipients[0] must be",
		`{"recipients":[null],"message":"Hi"}`:                                       "recipients[0] must be",
		`{"recipients":[{"name":"x"}],"message":"Hi"}`:                               "phone of recipients[0] is required",
		`{"recipients":[{"phone":"919876543210","vip":true}],"message":"Hi"}`:        "must be a string or a number",
		`{"recipients":[{"phone":"1","phone":"2"}],"message":"Hi"}`:                  "given twice",
		`{"recipients":["919876543210"],"message":"Hi","to":"919876543210"}`:         "to does not go with",
		`{"recipients":["919876543210"],"message":"Hi","delayMin":-1}`:               "delayMin must be",
		`{"recipients":["919876543210"],"message":"Hi","delayMax":3600001}`:          "delayMax must be",
		`{"recipients":["919876543210"],"message":"Hi","delayMin":5,"delayMax":4}`:   "must not be greater",
		`{"recipients":["919876543210"],"type":"revoke","messageId":"3EB0"}`:         "can't be sent to many",
		`{"recipients":["919876543210"],"message":"Hi","quotedMessageId":"3EB0"}`:    "does not go with a bulk job",
		`{"recipients":["919876543210"],"type":"fax"}`:                               "type must be",
		`{"recipients":["919876543210"],"message":"Hi","mediaUrl":"https://a.test"}`: "does not go with type text",
	} {
		r := d.post("/api/whatsapp/session/main/send-bulk", body)
		d.wants(r, http.StatusBadRequest, engine.CodeInvalid)
		if !strings.Contains(r.body, says) {
			t.Errorf("%s is answered with %s", body, r.body)
		}
	}
	if r := d.get("/api/whatsapp/bulk-jobs"); r.body != `{"jobs":[]}` {
		t.Errorf("refused requests left %s", r.body)
	}
}

func TestBulkIsIdempotent(t *testing.T) {
	d := start(t)
	d.link("main")
	post := func(key, body string) reply {
		return d.do(call{method: http.MethodPost, path: "/api/whatsapp/session/main/send-bulk", key: d.key, body: body,
			header: map[string]string{"Idempotency-Key": key}})
	}
	body := `{"recipients":["919876543210","919876543210"],"message":"Hi","delayMin":0,"delayMax":0}`
	first, second := post("a", body), post("a", body)
	d.wants(first, http.StatusOK, "")
	if first.body != second.body || !strings.Contains(first.body, "duplicates") {
		t.Errorf("answers %s, then %s", first.body, second.body)
	}
	if other := post("b", body); other.body == first.body {
		t.Errorf("another key answers %s", other.body)
	}
	d.wants(post("a", strings.Replace(body, "Hi", "Ho", 1)), http.StatusConflict, engine.CodeConflict)
	d.await("/api/whatsapp/bulk-jobs", func(r reply) bool { return strings.Count(r.body, `"status":"completed"`) == 2 })
	if sent := d.network.all(); len(sent) != 2 {
		t.Errorf("sent %d messages", len(sent))
	}
}

func TestBulkJobsAreTheirTenantsAlone(t *testing.T) {
	d := start(t)
	d.link("main")
	id := d.startBulkJob(`{"recipients":["919876543210","919876543211"],"message":"Hi","delayMin":3600000,"delayMax":3600000}`)
	path := "/api/whatsapp/bulk-job/" + string(id)
	for _, c := range []call{
		{method: http.MethodGet, path: path}, {method: http.MethodGet, path: path + "/items"}, {method: http.MethodPost, path: path + "/cancel"},
	} {
		c.key = d.otherKey
		d.wants(d.do(c), http.StatusNotFound, engine.CodeNotFound)
	}
	if r := d.do(call{method: http.MethodGet, path: "/api/whatsapp/bulk-jobs", key: d.otherKey}); r.body != `{"jobs":[]}` {
		t.Errorf("another tenant sees %s", r.body)
	}
	d.wants(d.get("/api/whatsapp/bulk-job/65f1a2b3c4d5e6f7a8b9c0d1"), http.StatusNotFound, engine.CodeNotFound)
	d.wants(d.get("/api/whatsapp/bulk-jobs?before=x"), http.StatusBadRequest, engine.CodeInvalid)
	d.wants(d.get(path+"/items?status=lost"), http.StatusBadRequest, engine.CodeInvalid)

	d.await(path, func(r reply) bool { return strings.Contains(r.body, `"processed":1,`) })
	r := d.post(path+"/cancel", "")
	d.wants(r, http.StatusOK, "")
	if !strings.HasPrefix(r.body, `{"status":"failed","total":2,"succeeded":1,"failed":0,"processed":1,`) || !strings.Contains(r.body, `"errorCode":"JOB_CANCELLED"`) {
		t.Errorf("cancelled: %s", r.body)
	}
	if again := d.post(path+"/cancel", ""); again.body != r.body {
		t.Errorf("cancelled again: %s", again.body)
	}
	if r := d.get(path + "/items?status=skipped"); !strings.Contains(r.body, `"recipient":"919876543211","status":"skipped"`) || !strings.Contains(r.body, `"total":1`) {
		t.Errorf("items are %s", r.body)
	}
	if r := d.get(path + "/items?status=pending"); r.body != `{"items":[],"total":0,"page":1,"pages":0}` {
		t.Errorf("items are %s", r.body)
	}
}

// A job of a session that is not there fails, and stays to be looked at.
func TestBulkOutlivesItsSession(t *testing.T) {
	d := start(t)
	d.link("main")
	id := d.startBulkJob(`{"recipients":["919876543210","919876543211"],"message":"Hi","delayMin":1000,"delayMax":1000}`)
	d.wants(d.do(call{method: http.MethodDelete, path: "/api/whatsapp/session/main", key: d.key}), http.StatusOK, "")
	if r := d.awaitJob(id, bulk.StatusFailed); !strings.Contains(r.body, `"errorCode":"SESSION_NOT_FOUND","error":"Job aborted due to critical error`) {
		t.Errorf("answers %s", r.body)
	}
}

// A body that is far longer than what other routes take.
func TestBulkTakesManyRecipients(t *testing.T) {
	d := start(t)
	d.link("main")
	const many = 3_000
	var b strings.Builder
	b.WriteString(`{"delayMin":3600000,"delayMax":3600000,"message":"Hi {{name}}","recipients":[`)
	for i := range many {
		fmt.Fprintf(&b, `{"phone":"4915%09d","name":"%0200d"},`, i, i)
	}
	body := strings.TrimSuffix(b.String(), ",") + "]}"
	if len(body) < maxTestBody {
		t.Fatalf("only %d bytes", len(body))
	}
	id := d.startBulkJob(body)
	if j, err := d.store.FindJob(t.Context(), store.DefaultTenant, id); err != nil || j.Total != many {
		t.Errorf("the job is %+v, %v", j, err)
	}
	tooMany := bulkRequest{Recipients: make([]json.RawMessage, bulk.MaxRecipients+1)}
	if _, err := tooMany.plan(engine.Outgoing{}); engine.CodeOf(err) != engine.CodeInvalid || !strings.Contains(err.Error(), "100000") {
		t.Errorf("too many: %v", err)
	}
}
