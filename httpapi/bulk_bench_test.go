package httpapi

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"wapid/bulk"
)

// BenchmarkBulkFromCSV measures a job of the greatest size: taking its file, of
// which every hundredth recipient has opted out, and giving out its results.
func BenchmarkBulkFromCSV(b *testing.B) {
	d := start(b)
	d.link("main")
	var out []string
	var list strings.Builder
	list.WriteString("phone;name;city\n")
	for i := range bulk.MaxRecipients {
		fmt.Fprintf(&list, "49151%08d;Asha %d;Pune\n", i, i)
		if i%100 == 50 {
			out = append(out, fmt.Sprintf("\"49151%08d\"", i))
		}
	}
	d.wants(d.do(call{method: http.MethodPost, path: optOutsPath, key: d.key, body: `{"recipients":[` + strings.Join(out, ",") + `]}`}), http.StatusOK, "")
	d.t = b
	var before, after runtime.MemStats
	for b.Loop() {
		began := time.Now()
		runtime.ReadMemStats(&before)
		started := d.startedBulk(d.form(bulkPath, formPart{name: "message", value: "Hi {{name}}"}, formPart{name: "startAt", value: time.Now().AddDate(0, 1, 0).Format(time.RFC3339)}, csvPart(list.String())))
		runtime.ReadMemStats(&after)
		taken := time.Since(began)
		if started.Total != bulk.MaxRecipients || len(started.Skipped) != len(out) {
			b.Fatalf("%d of %d are skipped", len(started.Skipped), started.Total)
		}
		began = time.Now()
		r := d.get("/api/whatsapp/bulk-job/" + string(started.JobID) + "/items?format=csv")
		if n := strings.Count(r.body, "\n"); n != bulk.MaxRecipients+1 {
			b.Fatalf("%d lines", n)
		}
		b.ReportMetric(taken.Seconds(), "s/taken")
		b.ReportMetric(time.Since(began).Seconds(), "s/exported")
		b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/(1<<20), "MB-allocated/taken")
	}
}
