package main

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"wapid/engine/simnet"
)

// waitsFor is the reason for which a job waits, "" for none.
func (a answer) waitsFor() string {
	waiting, _ := a.body["waiting"].(map[string]any)
	reason, _ := waiting["reason"].(string)
	return reason
}

// crowd makes n phones and their numbers.
func crowd(network *simulated, prefix string, n int) (phones []*simnet.Phone, numbers []string) {
	for i := range n {
		number := fmt.Sprintf("%s%03d", prefix, i)
		phones, numbers = append(phones, network.Phone(number)), append(numbers, number)
	}
	return phones, numbers
}

// eachOnce expects every phone to have one message from one of the senders.
func eachOnce(t *testing.T, phones []*simnet.Phone, want string) {
	t.Helper()
	for _, phone := range phones {
		if _, err := arrive(t, phone, func(m simnet.Received) bool { return m.Text == want }); err != nil {
			t.Errorf("%s: %v", phone.Number(), err)
		}
		if got := texts(phone); len(got) != 1 || got[want] != 1 {
			t.Errorf("%s got %v", phone.Number(), got)
		}
	}
}

// A job over two numbers goes on over kills at any instant. Every phone gets its
// message once, from the number that the job names; the counters are exact, and the
// end is told once.
func TestASpreadJobSurvivesKills(t *testing.T) {
	const size, kills = 60, 3
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	network, receiver, dir := startNetwork(t), startHooks(t), t.TempDir()
	senders := map[string]*simnet.Phone{"one": network.Phone("919876543200"), "two": network.Phone("919876543201")}
	d := startDaemon(t, "", network, dir)
	receiver.subscribeTo(t, &d.api, "bulk.completed", "bulk.progress")
	for id, phone := range senders {
		d.pair(t, id, phone)
	}
	phones, numbers := crowd(network, "4915100000", size)
	job := d.must(t, 200, "POST", sessionPath("one")+"/send-bulk", map[string]any{
		"recipients": numbers, "message": "once", "delayMin": 0, "delayMax": 40, "sessions": []string{"two"},
	})
	for i := range kills {
		from := float64(size * i / (kills + 1))
		eventually(t, "the job is under way", func() bool {
			return d.must(t, 200, "GET", bulkPath(job), nil).body["processed"].(float64) >= from
		})
		<-time.After(time.Duration(random.IntN(150)) * time.Millisecond) // at any instant
		d.kill()
		d = startDaemon(t, "", network, dir)
	}
	done := d.awaitBulk(t, bulkPath(job))
	if done.text("status") != "completed" || done.body["succeeded"] != float64(size) || done.body["failed"] != 0.0 || done.body["skipped"] != 0.0 {
		t.Errorf("the job ended as %s", done.raw)
	}
	eachOnce(t, phones, "once")
	sent := map[string]float64{}
	items := d.must(t, 200, "GET", bulkPath(job)+"/items?limit=1000", nil).body["items"].([]any)
	for i, raw := range items {
		item := raw.(map[string]any)
		over, _ := item["sessionId"].(string)
		sent[over]++
		if got := phones[i].Inbox()[0]; item["status"] != "sent" || string(got.ID) != item["messageId"] || senders[over] == nil ||
			got.From.User != senders[over].Number() && got.From.User != senders[over].LID().User {
			t.Errorf("the item %v arrived as %s from %s", item, got.ID, got.From)
		}
	}
	for _, raw := range done.body["sessions"].([]any) {
		one := raw.(map[string]any)
		if n := one["sent"].(float64); n != sent[one["sessionId"].(string)] || n == 0 {
			t.Errorf("the session is %v, its items are %v", one, sent)
		}
	}
	if log := d.must(t, 200, "GET", "/api/whatsapp/messages?direction=out&limit=1", nil); log.body["total"] != float64(size) {
		t.Errorf("the log counts %v sent messages", log.body["total"])
	}
	receiver.await(t, "the end of the job", func(h hook) bool { return h.Event == "bulk.completed" })
	ids := map[string]string{}
	for _, h := range receiver.all() {
		if h.Event == "bulk.completed" {
			ids[h.ID] = h.Raw
		}
	}
	if len(ids) != 1 {
		t.Errorf("the end was told as %v", ids)
	}
}

// A number that is banned or unlinked in the middle drops out of its jobs; those
// that have another one go on, the others end and say why.
func TestJobsOutliveANumber(t *testing.T) {
	for name, c := range map[string]struct {
		fault simnet.Fault
		code  string
	}{
		"banned":   {simnet.Fault{Kind: simnet.FaultTempBan, Expire: time.Hour}, "SESSION_BANNED"},
		"unlinked": {simnet.Fault{Kind: simnet.FaultLogout}, "SESSION_NOT_READY"},
	} {
		t.Run(name, func(t *testing.T) {
			network, receiver := startNetwork(t), startHooks(t)
			a := startApp(t, network, t.TempDir(), nil)
			receiver.subscribeTo(t, &a.api, "bulk.completed")
			good, bad := network.Phone("919876543200"), network.Phone("919876543201")
			a.pair(t, "good", good)
			a.pair(t, "bad", bad)
			settle(t, network, bad)
			phones, numbers := crowd(network, "4915100000", 12)
			spread := a.must(t, 200, "POST", sessionPath("bad")+"/send-bulk", map[string]any{
				"recipients": numbers, "message": "spread", "delayMin": 100, "delayMax": 200, "sessions": []string{"good"}})
			_, others := crowd(network, "4915200000", 3)
			alone := a.must(t, 200, "POST", sessionPath("bad")+"/send-bulk", map[string]any{"recipients": others, "message": "alone"})
			eventually(t, "both send", func() bool {
				for _, raw := range a.must(t, 200, "GET", bulkPath(spread), nil).body["sessions"].([]any) {
					if raw.(map[string]any)["sent"] == 0.0 {
						return false
					}
				}
				return true
			})
			c.fault.Number = bad.Number()
			fault(c.fault)(t, network, bad)
			done := a.awaitBulk(t, bulkPath(spread))
			if done.text("status") != "completed" || done.body["succeeded"].(float64)+done.body["failed"].(float64) != 12 || done.body["failed"].(float64) > 1 {
				t.Errorf("the spread job ended as %s", done.raw)
			}
			if failed := a.must(t, 200, "GET", bulkPath(spread)+"/items?status=failed", nil); done.body["failed"] == 1.0 &&
				failed.body["items"].([]any)[0].(map[string]any)["errorCode"] != "SEND_OUTCOME_UNKNOWN" {
				t.Errorf("failed are %s", failed.raw)
			}
			first := done.body["sessions"].([]any)[0].(map[string]any)
			if first["sessionId"] != "bad" || first["status"] != "dropped" || first["errorCode"] != c.code {
				t.Errorf("the session is %v", first)
			}
			for _, phone := range phones {
				if got := texts(phone); got["spread"] > 1 {
					t.Errorf("%s got %v", phone.Number(), got)
				}
			}
			ended := a.awaitBulk(t, bulkPath(alone))
			if ended.text("status") != "failed" || ended.text("errorCode") != c.code || ended.body["skipped"] != 3.0 || ended.text("error") == "" {
				t.Errorf("the other job ended as %s", ended.raw)
			}
			items := a.must(t, 200, "GET", bulkPath(alone)+"/items?status=skipped", nil)
			if items.body["total"] != 3.0 || items.body["items"].([]any)[0].(map[string]any)["errorCode"] != c.code {
				t.Errorf("skipped are %s", items.raw)
			}
			refused := a.must(t, 409, "POST", sessionPath("good")+"/send-bulk", map[string]any{"recipients": numbers, "message": "x", "sessions": []string{"bad"}})
			if refused.text("code") != "SESSION_NOT_READY" {
				t.Errorf("a job over a lost session: %s", refused.raw)
			}
			told := map[string]string{}
			eventually(t, "both ends are told", func() bool {
				for _, h := range receiver.all() {
					told[h.ID] = h.Data.Status
				}
				return len(told) >= 2
			})
			if statuses := fmt.Sprint(len(told)); statuses != "2" {
				t.Errorf("told %v", told)
			}
		})
	}
}

// What WhatsApp asks to wait for is waited for, with the reason, and then the job
// goes on by itself.
func TestBulkHeedsRestrictions(t *testing.T) {
	network := startNetwork(t)
	a := startApp(t, network, t.TempDir(), nil)
	mine := network.Phone("919876543200")
	a.pair(t, "main", mine)
	settle(t, network, mine)
	order := func(prefix string) (answer, []*simnet.Phone) {
		t.Helper()
		phones, numbers := crowd(network, prefix, 2)
		return a.must(t, 200, "POST", sessionPath("main")+"/send-bulk", map[string]any{
			"recipients": numbers, "message": "patience", "delayMin": 0, "delayMax": 0}), phones
	}
	waits := func(job answer, reason string, until bool) {
		t.Helper()
		eventually(t, "the job waits for "+reason, func() bool {
			seen := a.must(t, 200, "GET", bulkPath(job), nil)
			if seen.waitsFor() != reason {
				return false
			}
			if _, given := seen.body["waiting"].(map[string]any)["until"]; given != until {
				t.Errorf("the job waits as %s", seen.raw)
			}
			return true
		})
	}
	fault(simnet.Fault{Kind: simnet.FaultTimelock, Number: mine.Number(), Expire: 2 * time.Second})(t, network, mine)
	locked, phones := order("4915100000")
	waits(locked, "reachout_timelock", true)
	if done := a.awaitBulk(t, bulkPath(locked)); done.body["succeeded"] != 2.0 {
		t.Errorf("after the timelock: %s", done.raw)
	}
	eachOnce(t, phones, "patience")

	fault(simnet.Fault{Kind: simnet.FaultAckError, Number: mine.Number(), Times: 1, Code: 429})(t, network, mine)
	slowed, phones := order("4915200000")
	waits(slowed, "rate_limited", false)
	// The pause is half a minute. Looking at the job again does not cut it short.
	a.must(t, 200, "POST", bulkPath(slowed)+"/pause", nil)
	a.must(t, 200, "POST", bulkPath(slowed)+"/resume", nil)
	waits(slowed, "rate_limited", false)
	for _, phone := range phones {
		if got := texts(phone); len(got) != 0 {
			t.Errorf("%s got %v", phone.Number(), got)
		}
	}
	if left := a.must(t, 200, "POST", bulkPath(slowed)+"/cancel", nil); left.body["skipped"] != 2.0 {
		t.Errorf("cancelled: %s", left.raw)
	}
	if again := a.must(t, 409, "POST", bulkPath(slowed)+"/resume", nil); again.text("code") != "JOB_ENDED" {
		t.Errorf("resuming a cancelled job: %s", again.raw)
	}
}

// A paused job stays so over a kill.
func TestAPauseSurvivesAKill(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	d := startDaemon(t, "", network, dir)
	d.pair(t, "main", network.Phone("919876543200"))
	phones, numbers := crowd(network, "4915100000", 3)
	job := d.must(t, 200, "POST", sessionPath("main")+"/send-bulk", map[string]any{
		"recipients": numbers, "message": "paused", "delayMin": 1000, "delayMax": 1000})
	eventually(t, "the first is sent", func() bool {
		return d.must(t, 200, "GET", bulkPath(job), nil).body["processed"] == 1.0
	})
	if paused := d.must(t, 200, "POST", bulkPath(job)+"/pause", nil); paused.waitsFor() != "paused" || paused.body["paused"] != true || paused.text("status") != "running" {
		t.Errorf("paused: %s", paused.raw)
	}
	d.kill()
	d = startDaemon(t, "", network, dir)
	d.awaitStatus(t, "main", "ready")
	// A later job goes through meanwhile, which shows that the session does send.
	passes := d.must(t, 200, "POST", sessionPath("main")+"/send-bulk", map[string]any{
		"recipients": []string{network.Phone("4915100000900").Number()}, "message": "passes", "delayMin": 0, "delayMax": 0})
	d.awaitBulk(t, bulkPath(passes))
	if still := d.must(t, 200, "GET", bulkPath(job), nil); still.waitsFor() != "paused" || still.body["processed"].(float64) > 2 {
		t.Errorf("after the restart: %s", still.raw)
	}
	d.must(t, 200, "POST", bulkPath(job)+"/resume", nil)
	if done := d.awaitBulk(t, bulkPath(job)); done.body["succeeded"] != 3.0 || done.body["paused"] != false {
		t.Errorf("the job ended as %s", done.raw)
	}
	eachOnce(t, phones, "paused")
}
