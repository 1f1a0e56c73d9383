package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"wapid/bulk"
	"wapid/engine"
	"wapid/store"
)

const sendBulkPath = "/api/whatsapp/session/main/send-bulk"

// told is a job as the API shows it.
func (d *daemon) told(id bulk.JobID) (j jobResponse) {
	d.t.Helper()
	r := d.get("/api/whatsapp/bulk-job/" + string(id))
	d.wants(r, http.StatusOK, "")
	if err := json.Unmarshal([]byte(r.body), &j); err != nil {
		d.t.Fatal(err)
	}
	return j
}

func TestBulkPlanRefusals(t *testing.T) {
	d := start(t)
	d.link("main")
	now := time.Now()
	for fields, says := range map[string]string{
		`"startAt":"tomorrow"`:                  "startAt must be a time",
		`"startAt":1.5`:                         "startAt must be a time",
		`"startAt":{}`:                          "startAt must be a time",
		`"startAt":true`:                        "startAt must be a time",
		fmt.Sprintf(`"startAt":%d`, now.Unix()): "startAt must not be in the past", // seconds
		`"startAt":"0001-01-01T00:00:00Z"`:      "startAt must not be in the past",
		`"startAt":-62135596800000`:             "startAt must not be in the past",
		fmt.Sprintf(`"startAt":%q`, now.Add(-time.Hour).Format(time.RFC3339)):        "startAt must not be in the past",
		fmt.Sprintf(`"startAt":%q`, now.AddDate(1, 0, 2).Format(time.RFC3339)):       "startAt must be within a year",
		`"windows":{"from":"09:00","to":"20:00"}`:                                    "windows",
		`"windows":[{"from":"9","to":"20:00"}]`:                                      "windows[0]: from of a window",
		`"windows":[{"from":"09:00","to":"20:00"},{"from":"09:00"}]`:                 "windows[1]: to of a window",
		`"windows":[{"from":"09:00","to":"09:00"}]`:                                  "must not end when it begins",
		`"windows":[{"from":"09:00","to":"20:00","days":["someday"]}]`:               "days of a window",
		`"windows":[{"from":"09:00","to":"20:00","day":"mon"}]`:                      "day",
		`"windows":[` + strings.Repeat(`{"from":"09:00","to":"20:00"},`, 21) + `{}]`: "more than 21",
		`"windows":[{"from":"09:00","to":"20:00"}],"timeZone":"Mars/Olympus"`:        "timeZone must be",
		`"timeZone":"UTC"`:   "timeZone goes with windows",
		`"maxPerHour":0`:     "maxPerHour must be from 1 to 10000",
		`"maxPerHour":10001`: "maxPerHour must be from 1 to 10000",
		`"maxPerHour":1.5`:   "maxPerHour",
		`"maxPerHour":"5"`:   "maxPerHour",
		`"sessions":"main"`:  "sessions",
		`"sessions":["a b"]`: "sessions must be ids",
		`"sessions":[` + strings.Repeat(`"main",`, 49) + `"main"]`: "sessions must not have more than 49",
		`"checkNumbers":"yes"`: "checkNumbers",
	} {
		r := d.post(sendBulkPath, `{"recipients":["919876543210"],"message":"Hi",`+fields+`}`)
		d.wants(r, http.StatusBadRequest, engine.CodeInvalid)
		if !strings.Contains(r.body, says) {
			t.Errorf("%s is answered with %s", fields, r.body)
		}
	}
	d.wants(d.post(sendBulkPath, `{"recipients":["919876543210"],"message":"Hi","sessions":["nobody"]}`), http.StatusNotFound, engine.CodeSessionNotFound)
	if r := d.get("/api/whatsapp/bulk-jobs"); r.body != `{"jobs":[]}` {
		t.Errorf("refused requests left %s", r.body)
	}
}

func TestBulkTellsOfItsPlan(t *testing.T) {
	d := start(t)
	d.link("main")
	d.link("second")
	zone := "Asia/Kolkata"
	if _, err := d.store.ChangeTenant(t.Context(), store.Origin{By: store.ActorOperator}, store.DefaultTenant, store.TenantChange{TimeZone: &zone}); err != nil {
		t.Fatal(err)
	}
	begin := time.Now().Add(48 * time.Hour).UTC().Truncate(time.Millisecond)
	id := d.startBulkJob(fmt.Sprintf(`{"recipients":["919876543210","919876543211","919876543212","12"],"message":"Hi","startAt":%d,
		"maxPerHour":100,"sessions":["second","main"],"checkNumbers":true,"delayMin":1000,"delayMax":3000}`, begin.UnixMilli()))
	j := d.told(id)
	if j.Status != bulk.StatusPending || j.Waiting == nil || j.Waiting.Reason != bulk.WaitStart || j.Waiting.Until != isoMillis(begin) ||
		j.Total != 3 || j.Invalid != 1 || j.Skipped != 0 || j.Paused || len(j.Sessions) != 2 {
		t.Errorf("the job is %+v, waiting %+v", j, j.Waiting)
	}
	if eta := *j.ETASeconds; eta < 48*3600 || eta > 48*3600+4 { // two pauses of two seconds, by two sessions
		t.Errorf("it is said to take %d s", eta)
	}
	for i, want := range []engine.SessionID{"main", "second"} {
		if got := j.Sessions[i]; got.SessionID != want || got.Status != bulk.MemberActive || got.Sent != 0 {
			t.Errorf("the session is %+v", got)
		}
	}
	stored, err := d.store.FindJob(t.Context(), store.DefaultTenant, id)
	if err != nil || stored.MaxPerHour != 100 || !stored.CheckNumbers {
		t.Errorf("stored %+v, %v", stored, err)
	}
	// An hour from now nothing may be sent, in the zone of the account.
	local := time.Now().In(mustZone(t, zone)).Add(time.Hour)
	closed := d.startBulkJob(fmt.Sprintf(`{"recipients":["919876543210"],"message":"Hi","windows":[{"from":%q,"to":%q}]}`,
		local.Format("15:04"), local.Add(time.Hour).Format("15:04")))
	if j := d.told(closed); j.Waiting == nil || j.Waiting.Reason != bulk.WaitWindow || j.Waiting.Until != isoMillis(local.Truncate(time.Minute)) {
		t.Errorf("the job waits %+v, want until %s", j.Waiting, isoMillis(local.Truncate(time.Minute)))
	}
	// A job without a plan is not held up by them.
	d.awaitJob(d.startBulkJob(`{"recipients":["919876543219"],"message":"Hi","startAt":null,"windows":null,"delayMin":0,"delayMax":0}`), bulk.StatusCompleted)
}

func mustZone(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := engine.ParseTimeZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestBulkPausesAndResumes(t *testing.T) {
	d := start(t)
	d.link("main")
	id := d.startBulkJob(`{"recipients":["919876543210","919876543211"],"message":"Hi","delayMin":1000,"delayMax":1000}`)
	path := "/api/whatsapp/bulk-job/" + string(id)
	for range 2 {
		r := d.post(path+"/pause", "")
		d.wants(r, http.StatusOK, "")
		if !strings.Contains(r.body, `"waiting":{"reason":"paused"}`) || !strings.Contains(r.body, `"paused":true`) || strings.Contains(r.body, "eta") {
			t.Errorf("paused: %s", r.body)
		}
	}
	for range 2 {
		r := d.post(path+"/resume", "")
		d.wants(r, http.StatusOK, "")
		if strings.Contains(r.body, "waiting") || !strings.Contains(r.body, `"paused":false`) {
			t.Errorf("resumed: %s", r.body)
		}
	}
	for _, what := range []string{"/pause", "/resume"} {
		d.wants(d.do(call{method: http.MethodPost, path: path + what, key: d.otherKey}), http.StatusNotFound, engine.CodeNotFound)
		d.wants(d.do(call{method: http.MethodPost, path: path + what, key: d.keyFor(store.ScopeRead, nil)}), http.StatusForbidden, engine.CodeForbidden)
	}
	d.awaitJob(id, bulk.StatusCompleted)
	for _, what := range []string{"/pause", "/resume"} {
		d.wants(d.post(path+what, ""), http.StatusConflict, bulk.CodeEnded)
	}
}

// A request that is repeated after its start has passed gets the first answer.
func TestALateRepetitionIsAnswered(t *testing.T) {
	d := start(t)
	d.link("main")
	body := fmt.Sprintf(`{"recipients":["919876543210"],"message":"Hi","startAt":%d}`, time.Now().Add(time.Hour).UnixMilli())
	post := func(key string) reply {
		return d.do(call{method: http.MethodPost, path: sendBulkPath, key: d.key, body: body, header: map[string]string{"Idempotency-Key": key}})
	}
	first := post("a")
	d.wants(first, http.StatusOK, "")
	body = fmt.Sprintf(`{"recipients":["919876543210"],"message":"Hi","startAt":%d}`, time.Now().Add(-time.Hour).UnixMilli())
	d.wants(post("b"), http.StatusBadRequest, engine.CodeInvalid)
	d.wants(post("a"), http.StatusConflict, engine.CodeConflict) // it is looked for before the start is
}

// A key that is bound to sessions makes, sees and touches jobs over those alone.
func TestBulkKeysReachTheirSessions(t *testing.T) {
	d := start(t)
	d.link("main")
	d.link("second")
	both := d.keyFor(store.ScopeManage, []engine.SessionID{"main", "second"})
	one := d.keyFor(store.ScopeManage, []engine.SessionID{"main"})
	body := `{"recipients":["919876543210"],"message":"Hi","sessions":["second"],"startAt":"` + time.Now().Add(time.Hour).Format(time.RFC3339) + `"}`
	d.wants(d.do(call{method: http.MethodPost, path: sendBulkPath, key: one, body: body}), http.StatusNotFound, engine.CodeSessionNotFound)
	r := d.do(call{method: http.MethodPost, path: sendBulkPath, key: both, body: body})
	d.wants(r, http.StatusOK, "")
	var spread bulkResponse
	if err := json.Unmarshal([]byte(r.body), &spread); err != nil {
		t.Fatal(err)
	}
	path := "/api/whatsapp/bulk-job/" + string(spread.JobID)
	for _, c := range []call{{method: http.MethodGet, path: path}, {method: http.MethodGet, path: path + "/items"},
		{method: http.MethodPost, path: path + "/pause"}, {method: http.MethodPost, path: path + "/resume"}, {method: http.MethodPost, path: path + "/cancel"}} {
		c.key = one
		d.wants(d.do(c), http.StatusNotFound, engine.CodeNotFound)
	}
	for key, want := range map[string]bool{d.key: true, both: true, one: false} {
		for _, query := range []string{"", "?sessionId=main", "?sessionId=second"} {
			r := d.do(call{method: http.MethodGet, path: "/api/whatsapp/bulk-jobs" + query, key: key})
			d.wants(r, http.StatusOK, "")
			if strings.Contains(r.body, string(spread.JobID)) != want {
				t.Errorf("%s with a key that reaches it %v: %s", query, want, r.body)
			}
		}
	}
	if r := d.get("/api/whatsapp/bulk-jobs?sessionId=nobody"); r.body != `{"jobs":[]}` {
		t.Errorf("of an unknown session: %s", r.body)
	}
	d.wants(d.do(call{method: http.MethodPost, path: path + "/cancel", key: both}), http.StatusOK, "")
}

// BenchmarkHundredThousandRecipients measures how long the largest job takes to be
// accepted, and how much memory at most beside what the daemon had before.
func BenchmarkHundredThousandRecipients(b *testing.B) {
	d := start(b)
	d.link("main")
	var body strings.Builder
	body.WriteString(`{"startAt":"` + time.Now().Add(time.Hour).Format(time.RFC3339) + `","message":"Hi {{name}}","recipients":[`)
	for i := range bulk.MaxRecipients {
		fmt.Fprintf(&body, `{"phone":"4915%09d","name":"Somebody %d"},`, i, i)
	}
	text := strings.TrimSuffix(body.String(), ",") + "]}"
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapInuse)
			case <-stop:
				peak <- most
				return
			}
		}
	}()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		d.startBulkJob(text)
	}
	close(stop)
	b.ReportMetric(float64(<-peak-before.HeapInuse)/(1<<20), "MiB-peak")
}
