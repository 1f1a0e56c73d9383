package main

import (
	"fmt"
	"path/filepath"
	"testing"
)

// TestRestoreMidBulkJob: what a job has sent since the backup is sent again under
// the same message ids, and the phones drop it.
func TestRestoreMidBulkJob(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	mine := network.Phone("447700900100")
	d := startDaemon(t, "", network, dir)
	d.pair(t, "main", mine)
	settle(t, network, mine)
	var recipients []string
	for i := range 12 {
		recipients = append(recipients, network.Phone(fmt.Sprintf("4477009002%02d", i)).Number())
	}
	job := d.must(t, 200, "POST", sessionPath("main")+"/send-bulk", map[string]any{
		"recipients": recipients, "message": "hello", "delayMin": 200, "delayMax": 250}).text("jobId")
	succeeded := func() int {
		n, _ := d.must(t, 200, "GET", "/api/whatsapp/bulk-job/"+job, nil).body["succeeded"].(float64)
		return int(n)
	}
	eventually(t, "some are sent", func() bool { return succeeded() >= 3 })
	path := "/api/whatsapp/bulk-job/" + job
	d.must(t, 200, "POST", path+"/pause", nil) // however long the backup takes, the job is not done after it
	file := filepath.Join(t.TempDir(), "backup")
	runCommand(t, "backup", file, "--data", dir)
	sent := succeeded()
	d.must(t, 200, "POST", path+"/resume", nil)
	eventually(t, "more are sent", func() bool { return succeeded() >= sent+3 })
	d.kill()
	restored := t.TempDir()
	runCommand(t, "restore", file, "--data", restored)
	d = startDaemon(t, "", network, restored)
	d.must(t, 200, "POST", path+"/resume", nil)
	eventually(t, "the job is done", func() bool {
		return d.must(t, 200, "GET", "/api/whatsapp/bulk-job/"+job, nil).text("status") == "completed"
	})
	again := 0
	for _, number := range recipients {
		eventually(t, "the phone has the message", func() bool { return len(network.Phone(number).Inbox()) == 1 })
		if network.Phone(number).Inbox()[0].Copies > 1 {
			again++
		}
	}
	if again == 0 {
		t.Error("nothing was sent again: the backup was too late, the test proves nothing")
	}
	if n := succeeded(); n != len(recipients) {
		t.Errorf("%d of %d recipients are counted", n, len(recipients))
	}
	t.Logf("%d of %d messages came again, under the same ids, and were dropped", again, len(recipients))
	d.stop(t)
}
