package main

import (
	"testing"

	"wapid/engine/simnet"
)

// bulkPath is where a job is looked at.
func bulkPath(job answer) string { return "/api/whatsapp/bulk-job/" + job.text("jobId") }

// awaitBulk waits until a job has ended, and returns the whole answer.
func (a *api) awaitBulk(t testing.TB, path string) answer {
	t.Helper()
	var last answer
	eventually(t, "the bulk job has ended", func() bool {
		last = a.must(t, 200, "GET", path, nil)
		return last.text("status") == "completed" || last.text("status") == "failed"
	})
	return last
}

// texts counts what a phone has got by its text.
func texts(phone *simnet.Phone) map[string]int {
	got := make(map[string]int)
	for _, m := range phone.Inbox() {
		got[m.Text]++
	}
	return got
}

// The document's flow: three recipients, one of whom is not on WhatsApp.
func TestBulkBroadcast(t *testing.T) {
	network := startNetwork(t)
	d := startDaemon(t, "", network, t.TempDir())
	d.pair(t, "main", network.Phone("919876543200"))
	network.SetAbsent("919876543211")
	asha, ravi := network.Phone("919876543210"), network.Phone("919876543212")
	job := d.must(t, 200, "POST", sessionPath("main")+"/send-bulk", map[string]any{
		"recipients": []any{map[string]any{"phone": "919876543210", "name": "Asha"}, "919876543211", map[string]any{"phone": "+91 98765 43212", "name": "Ravi"}},
		"message":    "Hi {{name|there}}! 30% off.", "delayMin": 10, "delayMax": 30,
	})
	if job.body["total"] != 3.0 || len(job.text("jobId")) != 24 {
		t.Errorf("the job is %s", job.raw)
	}
	done := d.awaitBulk(t, bulkPath(job))
	if want := `{"status":"completed","total":3,"succeeded":2,"failed":1,"processed":3,`; len(done.raw) < len(want) || done.raw[:len(want)] != want {
		t.Errorf("the job ended as %s", done.raw)
	}
	failed := d.must(t, 200, "GET", bulkPath(job)+"/items?status=failed", nil)
	if item := failed.body["items"].([]any)[0].(map[string]any); item["recipient"] != "919876543211" || item["errorCode"] != "NOT_ON_WHATSAPP" {
		t.Errorf("failed are %s", failed.raw)
	}
	for phone, want := range map[*simnet.Phone]string{asha: "Hi Asha! 30% off.", ravi: "Hi Ravi! 30% off."} {
		if _, err := arrive(t, phone, func(m simnet.Received) bool { return m.Text == want }); err != nil {
			t.Errorf("%s: %v", want, err)
		}
	}
	log := d.must(t, 200, "GET", "/api/whatsapp/messages?direction=out&to=919876543212", nil)
	if log.body["total"] != 1.0 || log.body["messages"].([]any)[0].(map[string]any)["message"] != "Hi Ravi! 30% off." {
		t.Errorf("the log has %s", log.raw)
	}
}

// A job that is cancelled stops; one that waits for its session goes on once that
// is back.
func TestBulkCancelsAndWaits(t *testing.T) {
	network := startNetwork(t)
	d := startDaemon(t, "", network, t.TempDir())
	d.pair(t, "main", network.Phone("919876543200"))
	friend, other := network.Phone("919876543210"), network.Phone("919876543211")
	order := map[string]any{"recipients": []string{friend.Number(), other.Number()}, "message": "slow", "delayMin": 3600000, "delayMax": 3600000}
	slow := d.must(t, 200, "POST", sessionPath("main")+"/send-bulk", order)
	eventually(t, "the first is sent", func() bool {
		return d.must(t, 200, "GET", bulkPath(slow), nil).body["processed"] == 1.0
	})
	cancelled := d.must(t, 200, "POST", bulkPath(slow)+"/cancel", nil)
	if cancelled.text("status") != "failed" || cancelled.text("errorCode") != "JOB_CANCELLED" || cancelled.body["succeeded"] != 1.0 {
		t.Errorf("cancelled: %s", cancelled.raw)
	}
	d.pair(t, "second", network.Phone("919876543201"))
	d.must(t, 200, "DELETE", sessionPath("second")+"?logout=false", nil)
	order["message"], order["delayMin"], order["delayMax"] = "later", 0, 0
	waits := d.must(t, 200, "POST", sessionPath("second")+"/send-bulk", order)
	eventually(t, "the job waits", func() bool {
		return d.must(t, 200, "GET", bulkPath(waits), nil).waitsFor() == "session_not_ready"
	})
	d.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "second"})
	if done := d.awaitBulk(t, bulkPath(waits)); done.body["succeeded"] != 2.0 {
		t.Errorf("the job ended as %s", done.raw)
	}
	if _, err := arrive(t, other, func(m simnet.Received) bool { return m.Text == "later" }); err != nil {
		t.Error(err)
	}
	if got := texts(other); got["slow"] != 0 || got["later"] != 1 {
		t.Errorf("the second friend got %v", got)
	}
}

// A picture is fetched once, uploaded once and sent to everybody with a caption of
// their own.
func TestBulkSendsAFile(t *testing.T) {
	network := startNetwork(t)
	d := startDaemon(t, "", network, t.TempDir())
	d.pair(t, "main", network.Phone("919876543200"))
	friends := []*simnet.Phone{network.Phone("919876543210"), network.Phone("919876543211")}
	job := d.must(t, 200, "POST", sessionPath("main")+"/send-bulk", map[string]any{
		"recipients": []any{map[string]any{"phone": friends[0].Number(), "name": "A"}, map[string]any{"phone": friends[1].Number(), "name": "B"}},
		"type":       "document", "mediaBase64": "SGVsbG8gd29ybGQ=", "fileName": "hello.txt", "message": "for {{name}}", "delayMin": 0, "delayMax": 0,
	})
	if done := d.awaitBulk(t, bulkPath(job)); done.body["succeeded"] != 2.0 {
		t.Fatalf("the job ended as %s: %s", done.raw, d.must(t, 200, "GET", bulkPath(job)+"/items", nil).raw)
	}
	for i, friend := range friends {
		want := []string{"for A", "for B"}[i]
		if _, err := arrive(t, friend, func(m simnet.Received) bool { return m.Text == want }); err != nil {
			t.Errorf("%s: %v", want, err)
		}
	}
}
