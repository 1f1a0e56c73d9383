package httpapi

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"wapid/bulk"
	"wapid/engine"
	"wapid/store"
)

func TestItemsAsCSV(t *testing.T) {
	d := start(t)
	d.link("main")
	d.wants(d.do(call{method: "POST", path: optOutsPath, key: d.key, body: `{"phone":"4915100000001"}`}), http.StatusOK, "")
	const n = 2*exportPage + 3
	var list strings.Builder
	for i := range n {
		fmt.Fprintf(&list, "\"49151%08d\",", i)
	}
	r := d.post(bulkPath, `{"recipients":["49151000000000","49151000000000","x",`+strings.TrimSuffix(list.String(), ",")+`],"message":"Hi","delayMin":60000}`)
	started := d.startedBulk(r)
	if len(started.Skipped) != 1 || started.Skipped[0] != (leftOut{Index: 4, Recipient: "4915100000001", Reason: bulk.OptedOut}) || started.Total != n+1 {
		t.Errorf("answers %.300s", r.body)
	}
	items := "/api/whatsapp/bulk-job/" + string(started.JobID) + "/items"
	d.await(items+"?status=sent", func(r reply) bool { return strings.Contains(r.body, `"total":1,`) })
	d.wants(d.post("/api/whatsapp/bulk-job/"+string(started.JobID)+"/cancel", ""), http.StatusOK, "")
	read := func(r reply) [][]string {
		t.Helper()
		d.wants(r, http.StatusOK, "")
		rows, err := csv.NewReader(strings.NewReader(r.body)).ReadAll()
		if err != nil || r.header.Get("Content-Type") != "text/csv; charset=utf-8" || !strings.HasSuffix(r.header.Get("Content-Disposition"), `.csv"`) {
			t.Fatalf("%v, %v", r.header, err)
		}
		return rows
	}
	rows := read(d.get(items + "?format=csv"))
	if len(rows) != n+2 || strings.Join(rows[0], ",") != "index,recipient,status,messageId,sentAt,errorCode,sessionId,attempts" {
		t.Fatalf("%d rows, first %q", len(rows), rows[0])
	}
	for i, row := range rows[1:] {
		if row[0] != fmt.Sprint(i) || row[3] == "" {
			t.Fatalf("row %d is %q", i, row)
		}
	}
	if row := rows[1]; row[1] != "49151000000000" || row[2] != "sent" || row[4] == "" || row[6] != "main" {
		t.Errorf("the first is %q", row)
	}
	if row := rows[3]; row[1] != "4915100000001" || row[2] != "skipped" || row[5] != "OPTED_OUT" {
		t.Errorf("who has opted out is %q", row)
	}
	if row := rows[n+1]; row[2] != "skipped" || row[5] != "JOB_CANCELLED" {
		t.Errorf("the last is %q", row)
	}
	accepted := d.do(call{method: "GET", path: items + "?status=sent", key: d.key, header: map[string]string{"Accept": "text/csv"}})
	if rows := read(accepted); len(rows) != 2 {
		t.Errorf("those that were sent are %q", rows)
	}
	if r := d.do(call{method: "GET", path: items + "?limit=1", key: d.key, header: map[string]string{"Accept": "*/*"}}); !strings.HasPrefix(r.body, "{") {
		t.Errorf("whoever takes anything gets %.100s", r.body)
	}
	for _, query := range []string{"?format=xml", "?format=", "?format=csv&page=1", "?format=csv&limit=5", "?format=csv&status=x"} {
		d.wants(d.get(items+query), http.StatusBadRequest, engine.CodeInvalid)
	}
	d.wants(d.do(call{method: "GET", path: items + "?format=csv", key: d.otherKey}), http.StatusNotFound, engine.CodeNotFound)
}

// A list that can't be read to its end is broken off: what has come must not be
// taken for all.
func TestAnExportThatFailsIsNotComplete(t *testing.T) {
	d := start(t)
	d.link("main")
	numbers := make([]string, exportPage+1)
	for i := range numbers {
		numbers[i] = fmt.Sprintf("\"49151%08d\"", i)
	}
	started := d.startedBulk(d.post(bulkPath, `{"recipients":[`+strings.Join(numbers, ",")+`],"message":"Hi","delayMin":60000}`))
	j, err := d.store.FindJob(t.Context(), store.DefaultTenant, started.JobID)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	rows := &itemRows{server: d.server, ctx: ctx, tenant: store.DefaultTenant, job: j}
	if err := rows.more(); err != nil {
		t.Fatal(err)
	}
	cancel()
	got, err := io.ReadAll(rows)
	if n := strings.Count(string(got), "\n"); n != exportPage || engine.CodeOf(err) != engine.CodeStorage {
		t.Errorf("%d rows and %v", n, err)
	}
}

func TestHarmless(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "919876543210": "919876543210", "=1+1": "'=1+1", "+49": "'+49", "-1": "'-1", "@x": "'@x", "\tx": "'\tx", "a=b": "a=b",
	} {
		if got := harmless(cell); got != want {
			t.Errorf("%q becomes %q", cell, got)
		}
	}
}
