package main

import (
	"slices"
	"testing"
	"time"

	"wapid/engine/simnet"
)

// roundTrips counts what the messages of an account have asked the network and waited
// for, by kind of question.
func roundTrips(w *simnet.Watch) (n int, by map[string]int) {
	by = make(map[string]int)
	for _, q := range w.Take() {
		switch q.What {
		case "w:p", "w:sync:app:state sync", "privacy tokens": // nobody waits for these
		default:
			by[q.What]++
			n++
		}
	}
	return n, by
}

// A bulk job asks once who its recipients are and which devices they have; each message
// then takes two round trips, and later ones one. With it switched off a first message
// takes whatsmeow's four.
func TestABulkJobTakesTwoRoundTrips(t *testing.T) {
	const size = 20
	network := startNetwork(t)
	for _, c := range []struct {
		name, flag, sender string
		first, again       int
	}{
		{"ahead", "--look-ahead=60", "919876543200", 2 + 2*size, size},
		{"off", "--look-ahead=0", "919876543201", 4 * size, size},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := startDaemon(t, "", network, t.TempDir(), c.flag)
			sender := network.Phone(c.sender)
			d.pair(t, "main", sender)
			phones, numbers := crowd(network, "49151000"+c.sender[10:], size)
			watch := network.Watch(sender.Number())
			for _, want := range []int{c.first, c.again} {
				text := "round " + time.Now().String()
				job := d.must(t, 200, "POST", sessionPath("main")+"/send-bulk", map[string]any{
					"recipients": numbers, "message": text, "delayMin": 0, "delayMax": 0,
				})
				if done := d.awaitBulk(t, bulkPath(job)); done.body["succeeded"] != float64(size) {
					t.Fatalf("the job ended as %s", done.raw)
				}
				if n, by := roundTrips(watch); n != want {
					t.Errorf("the job took %d round trips, want %d: %v", n, want, by)
				}
				for _, phone := range phones {
					if got := texts(phone)[text]; got != 1 {
						if _, err := arrive(t, phone, func(m simnet.Received) bool { return m.Text == text }); err != nil {
							t.Error(err)
						}
					}
				}
			}
		})
	}
}

// Whoever is not on WhatsApp is found out with the others in one question, and fails
// without another. Without checkNumbers the look is the same.
func TestTheAbsentFailWithoutAQuestion(t *testing.T) {
	network := startNetwork(t)
	d := startDaemon(t, "", network, t.TempDir())
	sender := network.Phone("919876543200")
	d.pair(t, "main", sender)
	_, numbers := crowd(network, "4915100000", 6)
	network.SetAbsent(numbers[2:5]...)
	watch := network.Watch(sender.Number())
	for _, check := range []bool{false, true} {
		job := d.must(t, 200, "POST", sessionPath("main")+"/send-bulk", map[string]any{
			"recipients": numbers, "message": "hi", "delayMin": 0, "delayMax": 0, "checkNumbers": check,
		})
		if done := d.awaitBulk(t, bulkPath(job)); done.body["succeeded"] != 3.0 || done.body["failed"] != 3.0 {
			t.Errorf("the job ended as %s", done.raw)
		}
		failed := d.must(t, 200, "GET", bulkPath(job)+"/items?status=failed", nil)
		for _, item := range failed.body["items"].([]any) {
			if item := item.(map[string]any); item["errorCode"] != "NOT_ON_WHATSAPP" || !slices.Contains(numbers[2:5], item["recipient"].(string)) {
				t.Errorf("failed are %s", failed.raw)
			}
		}
		want := 2 + 2*3
		if check { // everything is known by then
			want = 3
		}
		if n, by := roundTrips(watch); n != want {
			t.Errorf("with checkNumbers %t it took %d round trips, want %d: %v", check, n, want, by)
		}
	}
}
