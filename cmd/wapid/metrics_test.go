package main

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const testAdminKey = "admin-key-0123456789abcdef"

// scrape reads metrics as Prometheus does: each series by its name and labels, in the
// text format's own order, with its value; of a histogram the number of observations.
func scrape(t testing.TB, url, bearer string) map[string]float64 {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %d %s", url, resp.StatusCode, raw)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%s is no text format: %v\n%s", url, err, raw)
	}
	series := map[string]float64{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			key := name + "{" + strings.Join(labels, ",") + "}"
			switch {
			case m.Histogram != nil:
				series[key] = float64(m.GetHistogram().GetSampleCount())
			case m.Gauge != nil:
				series[key] = m.GetGauge().GetValue()
			case m.Counter != nil:
				series[key] = m.GetCounter().GetValue()
			}
		}
	}
	return series
}

// TestMetricsMove: what goes through the daemon is counted, and nothing names a tenant,
// a session or a number.
func TestMetricsMove(t *testing.T) {
	network := startNetwork(t)
	network.SetAbsent("447700900199")
	receiver := startHooks(t)
	d := startDaemon(t, "", network, t.TempDir(), "--metrics-listen", "127.0.0.1:0", "--admin-key", testAdminKey)
	url := ""
	for url == "" && d.stdout.Scan() {
		_, url, _ = strings.Cut(d.stdout.Text(), "Metrics: ")
	}
	before := scrape(t, url, "")
	receiver.subscribe(t, &d.api)
	mine, theirs := network.Phone("919876543210"), network.Phone("919876543211")
	d.pair(t, "main", mine)
	d.send(t, "main", "919876543211", "counted")
	d.must(t, 400, "POST", sessionPath("main")+"/send", map[string]any{"to": "447700900199", "message": "to nobody"})
	d.must(t, 404, "GET", sessionPath("another")+"/status", nil)
	settle(t, network, mine)
	if _, err := theirs.SendText(t.Context(), mine.JID(), "an answer"); err != nil {
		t.Fatal(err)
	}
	receiver.awaitEvent(t, "main", "message")

	var after map[string]float64
	eventually(t, "the delivery of the message is counted", func() bool {
		after = scrape(t, d.base+"/metrics", testAdminKey)
		return after["wapid_deliveries_total{outcome=delivered}"] >= 3 // qr, ready, message
	})
	for series, least := range map[string]float64{
		"wapid_sends_total{kind=text,outcome=sent}":                                              1,
		"wapid_sends_total{kind=text,outcome=NOT_ON_WHATSAPP}":                                   1,
		"wapid_send_seconds{outcome=sent}":                                                       1,
		"wapid_send_seconds{outcome=failed}":                                                     1,
		"wapid_network_send_seconds{outcome=sent}":                                               1,
		"wapid_disconnects_total{cause=restart}":                                                 1,
		"wapid_sessions{reason=,status=ready}":                                                   1,
		"wapid_http_requests_total{class=2xx,method=POST,route=/api/whatsapp/session/:id/send}":  1,
		"wapid_http_requests_total{class=4xx,method=POST,route=/api/whatsapp/session/:id/send}":  1,
		"wapid_http_requests_total{class=4xx,method=GET,route=/api/whatsapp/session/:id/status}": 1,
		"wapid_http_request_seconds{method=POST,route=/api/whatsapp/session/:id/send}":           2,
		"wapid_events_committed_total{type=message}":                                             1,
		"wapid_events_committed_total{type=ready}":                                               1,
		"wapid_delivery_seconds{outcome=delivered}":                                              3,
		"wapid_delivery_delay_seconds{}":                                                         3,
		"wapid_store_commit_seconds{}":                                                           5,
		"wapid_store_commit_writes{}":                                                            5,
		"wapid_database_bytes{file=wapid.db,part=data}":                                          4096,
		"wapid_database_bytes{file=whatsapp.db,part=log}":                                        1,
		"wapid_disk_free_bytes{}":                                                                1 << 20,
		"go_goroutines{}":                                                                        10,
		"process_open_fds{}":                                                                     5,
	} {
		if after[series] < least || after[series] <= before[series] && strings.Contains(series, "_total") {
			t.Errorf("%s is %v, and was %v", series, after[series], before[series])
		}
	}
	for _, series := range []string{
		"wapid_outbox_messages{}", "wapid_deliveries_waiting{state=retrying}", "wapid_bulk_items_pending{}", "wapid_inbound_pipeline{}",
		"wapid_session_restrictions{kind=reachout_timelock}", "wapid_network_faults_total{kind=stream_error}", "wapid_backlog_failures_total{}",
	} {
		if n, there := after[series]; !there || n != 0 {
			t.Errorf("%s is %v (%t)", series, n, there)
		}
	}
	for series := range after {
		for _, private := range []string{"main", "default", "9198765432", "4477009", "another", "counted"} {
			if strings.HasPrefix(series, "wapid_") && strings.Contains(series, private) {
				t.Errorf("a label tells %q: %s", private, series)
			}
		}
	}
}
