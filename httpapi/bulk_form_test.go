package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"wapid/bulk"
	"wapid/engine"
)

const bulkPath = "/api/whatsapp/session/main/send-bulk"

// csvPart is a file of recipients.
func csvPart(text string) formPart {
	return formPart{name: "recipients", file: "people.csv", mime: "text/csv", value: text}
}

func (d *daemon) startedBulk(r reply) (started bulkResponse) {
	d.t.Helper()
	d.wants(r, http.StatusOK, "")
	if err := json.Unmarshal([]byte(r.body), &started); err != nil {
		d.t.Fatal(err)
	}
	return started
}

func TestBulkFromCSV(t *testing.T) {
	d := start(t)
	d.link("main")
	list := csvPart("\ufeffMobile;Name;Code\r\n+91 98765 43210;Asha;4711\r\n9,19877E+11;Mia;1\r\n919876543210;Asha again;2\r\n919876543211;\"Ravi; \"\"R\"\"\";12\r\n919876543212;short\r\n")
	for name, parts := range map[string][]formPart{
		"fields": {list, {name: "message", value: "Hi {{name}}, {{code}}"}, {name: "delayMin", value: "0"}, {name: "delayMax", value: "0"}},
		"request": {{name: "request", mime: "application/json", value: `{"message":"Hi {{name}}, {{code}}","delayMin":0,"delayMax":0}`},
			{name: "recipients", mime: "text/csv; charset=utf-8", value: list.value}},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(d.network.all())
			r := d.form(bulkPath, parts...)
			started := d.startedBulk(r)
			if started.Total != 2 || len(started.Duplicates) != 1 || started.Duplicates[0].Row != 4 || len(started.Invalid) != 2 ||
				started.Invalid[0].Index != 1 || started.Invalid[0].Row != 3 || !strings.Contains(started.Invalid[0].Reason, "spreadsheet") ||
				started.Invalid[1].Row != 6 || started.Invalid[1].Recipient != "919876543212" {
				t.Errorf("answers %s", r.body)
			}
			d.awaitJob(started.JobID, bulk.StatusCompleted)
			var texts []string
			for _, m := range d.network.all()[before:] {
				texts = append(texts, m.To.User()+" "+m.Text)
			}
			if got := fmt.Sprintf("%q", texts); got != `["919876543210 Hi Asha, 4711" "919876543211 Hi Ravi; \"R\", 12"]` {
				t.Errorf("sent %s", got)
			}
		})
	}
	d.emptySpool()
}

// A form may bring a list of numbers as well, and the message's file.
func TestBulkFormWithAFile(t *testing.T) {
	d := start(t)
	d.link("main")
	picture := formPart{name: "file", file: "sale.png", mime: "image/png", value: testPNG(t)}
	for name, parts := range map[string][]formPart{
		"a list": {picture, {name: "recipients", value: `["919876543210"]`}, {name: "type", value: "image"}, {name: "message", value: "Sale"}, {name: "delayMax", value: "0"}},
		"CSV":    {{name: "request", value: `{"type":"image","message":"Sale","delayMax":0}`}, csvPart("phone\n919876543210\n"), picture},
	} {
		t.Run(name, func(t *testing.T) {
			started := d.startedBulk(d.form(bulkPath, parts...))
			d.awaitJob(started.JobID, bulk.StatusCompleted)
			sent := d.network.all()
			if last := sent[len(sent)-1]; last.Kind != engine.KindImage || last.Text != "Sale" {
				t.Errorf("sent %+v", last)
			}
		})
	}
	d.emptySpool()
}

// Recipients and the fields of several types may stand in a form as one writes them.
func TestBulkFormWithoutJSON(t *testing.T) {
	d := start(t)
	d.link("main")
	started := d.startedBulk(d.form(bulkPath, formPart{name: "recipients", value: "+91 98765 43210"},
		formPart{name: "recipients", value: `{"phone":"919876543211","name":"Ravi"}`}, formPart{name: "recipients", value: "{"},
		formPart{name: "message", value: "Hi {{name|you}}"}, formPart{name: "startAt", value: time.Now().Add(2 * time.Second).Format(time.RFC3339)},
		formPart{name: "delayMin", value: "0"}, formPart{name: "delayMax", value: "0"}))
	if started.Total != 2 || len(started.Invalid) != 1 {
		t.Errorf("started %+v", started)
	}
	d.awaitJob(started.JobID, bulk.StatusCompleted)
	if sent := d.network.all(); len(sent) != 2 || sent[1].Text != "Hi Ravi" {
		t.Errorf("sent %+v", sent)
	}
	one := d.startedBulk(d.form(bulkPath, formPart{name: "recipients", value: "919876543212"}, formPart{name: "message", value: "Hi"},
		formPart{name: "startAt", value: fmt.Sprint(time.Now().Add(time.Hour).UnixMilli())}))
	if r := d.get("/api/whatsapp/bulk-job/" + string(one.JobID)); !strings.Contains(r.body, `"scheduled"`) {
		t.Errorf("the job is %s", r.body)
	}
}

// Another file of recipients is another request.
func TestBulkFormAndIdempotency(t *testing.T) {
	d := start(t)
	d.link("main")
	send := func(list, boundary string) reply {
		body, contentType := makeForm(t, boundary, formPart{name: "message", value: "Hi"}, csvPart(list))
		return d.do(call{method: http.MethodPost, path: bulkPath, key: d.key, body: body,
			header: map[string]string{"Content-Type": contentType, "Idempotency-Key": "one"}})
	}
	first := d.startedBulk(send("phone\n919876543210\n", "a"))
	if again := d.startedBulk(send("phone\n919876543210\n", "b")); again.JobID != first.JobID {
		t.Error("the same form made another job")
	}
	d.wants(send("phone\n919876543211\n", "a"), http.StatusConflict, engine.CodeConflict)
	d.emptySpool()
}

// A form that ends before its last boundary makes no job, wherever it is cut: what
// would be missing is the time to begin at.
func TestABulkFormThatBreaksOff(t *testing.T) {
	d := start(t)
	d.link("main")
	body, contentType := makeForm(t, "a", formPart{name: "message", value: "Hi"}, csvPart("phone\n919876543210\n"),
		formPart{name: "startAt", value: fmt.Sprint(time.Now().Add(time.Hour).UnixMilli())})
	whole := len(strings.TrimRight(body, "\r\n"))
	for cut := range len(body) + 1 {
		r := d.do(call{method: http.MethodPost, path: bulkPath, key: d.key, body: body[:cut], header: map[string]string{"Content-Type": contentType}})
		if (r.status == http.StatusOK) != (cut >= whole) {
			t.Errorf("cut behind %q: %d %s", body[max(0, cut-20):cut], r.status, r.body)
		}
	}
	d.emptySpool()
}

func TestBulkFormRefusals(t *testing.T) {
	d := start(t)
	d.link("main")
	message := formPart{name: "message", value: "Hi"}
	for says, parts := range map[string][]formPart{
		"recipients is required":      {message},
		"both a file and a list":      {message, csvPart("phone\n1\n"), {name: "recipients", value: `["919876543210"]`}},
		"more than one file of":       {message, csvPart("phone\n1\n"), csvPart("phone\n1\n")},
		"has no recipients":           {message, csvPart("phone\n")},
		"must name the columns":       {message, csvPart("919876543210\n")},
		"UTF-16":                      {message, csvPart("\xff\xfep\x00")},
		"none of the recipients":      {message, csvPart("phone\n4.9E+12\n")},
		"no others but files":         {message, {name: "request", value: `{"message":"Hi"}`}, csvPart("phone\n919876543210\n")},
		`unknown field \"unheardOf\"`: {message, {name: "unheardOf", value: "1"}, csvPart("phone\n919876543210\n")},
		`\"delayMin\" must be`:        {message, {name: "delayMin", value: "soon"}, csvPart("phone\n919876543210\n")},
		"to does not go with":         {message, {name: "to", value: "919876543210"}, csvPart("phone\n919876543210\n")},
		"startAt must be":             {message, {name: "startAt", value: "soon"}, csvPart("phone\n919876543210\n")},
		`\"startAt\" is given twice`:  {message, {name: "startAt", value: "1"}, {name: "startAt", value: "2"}, csvPart("phone\n919876543210\n")},
		"near byte":                   {{name: "request", value: `{"message":`}, csvPart("phone\n919876543210\n")},
		"message is required":         {csvPart("phone\n919876543210\n")},
	} {
		r := d.form(bulkPath, parts...)
		d.wants(r, http.StatusBadRequest, engine.CodeInvalid)
		if !strings.Contains(r.body, says) {
			t.Errorf("%s is not said in %s", says, r.body)
		}
	}
	// What one may not send alone is no field of a single send.
	r := d.form("/api/whatsapp/session/main/send", formPart{name: "to", value: "919876543210"}, message, csvPart("phone\n1\n"))
	d.wants(r, http.StatusBadRequest, engine.CodeInvalid)
	r = d.form(bulkPath, message, csvPart("phone\n"+strings.Repeat("919876543210\n", bulkBodies*maxTestBody/13+1)))
	d.wants(r, http.StatusRequestEntityTooLarge, CodePayloadTooLarge)
	if r := d.get("/api/whatsapp/bulk-jobs"); r.body != `{"jobs":[]}` {
		t.Errorf("refused requests left %s", r.body)
	}
	d.emptySpool()
}

// emptySpool fails the test if a request has left a file.
func (d *daemon) emptySpool() {
	d.t.Helper()
	if n := d.spooled(); n > 0 {
		d.t.Errorf("%d files are left in the spool", n)
	}
}
