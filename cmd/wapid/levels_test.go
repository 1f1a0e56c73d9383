package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"wapid/engine"
)

// told lists which of a few lines a log lets through.
func logged(log *zap.Logger, out *bytes.Buffer) string {
	out.Reset()
	log.Debug("d")
	log.Info("i")
	log.Named("whatsapp").Debug("wd")
	log.Named("whatsapp").With(zap.String("session", "s")).Named("socket").Debug("wsd")
	log.Named("whatsappy").Debug("other")
	sampled(log.Named("whatsapp")).Debug("sd")
	var lines []string
	for line := range strings.Lines(out.String()) {
		_, rest, _ := strings.Cut(line, `"msg":"`)
		text, _, _ := strings.Cut(rest, `"`)
		lines = append(lines, text)
	}
	return strings.Join(lines, " ")
}

func TestLevelsChangeWhileTheLogIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log, err := newLog("info", "json", &out)
		if err != nil {
			t.Fatal(err)
		}
		l := levelsOf(log)
		kept := log.Named("whatsapp").With(zap.Int("n", 1)) // made before anything changes
		for i, step := range []struct {
			logger, level string
			lasts, wait   time.Duration
			want          string
		}{
			{"", "info", 0, 0, "i"},
			{"whatsapp", "debug", 0, 0, "i wd wsd sd"},
			{"whatsapp.socket", "error", 0, 0, "i wd sd"},
			{"whatsapp.socket", "default", 0, 0, "i wd wsd sd"},
			{"", "error", time.Minute, 0, "wd wsd sd"},
			{"", "debug", time.Minute, 59 * time.Second, "d i wd wsd other sd"},
			{"whatsapp", "default", time.Minute, 2 * time.Second, "i"}, // the one for all has passed
			{"bulk", "debug", 0, 59 * time.Second, "i wd wsd sd"},      // and that of whatsapp
			{"whatsapp", "warn", 0, 0, "i"},
			{"whatsapp", "default", 0, 0, "i"},
		} {
			if err := l.Set(step.logger, step.level, step.lasts); err != nil {
				t.Fatal(err)
			}
			time.Sleep(step.wait)
			synctest.Wait()
			if got := logged(log, &out); got != step.want {
				t.Errorf("step %d tells %q, want %q", i, got, step.want)
			}
		}
		out.Reset()
		if kept.Debug("quiet"); out.Len() > 0 {
			t.Error("a logger of before tells more than its level")
		}
		if err := l.Set("", "loud", 0); engine.CodeOf(err) != engine.CodeInvalid {
			t.Errorf("no level: %v", err)
		}
		for i := range 2 * maxLevels {
			err = l.Set("x"+strings.Repeat("x", i), "debug", time.Hour)
		}
		if engine.CodeOf(err) != engine.CodeInvalid || len(l.Levels()) > maxLevels+1 {
			t.Errorf("%d loggers have a level of their own (%v)", len(l.Levels()), err)
		}
		l.close() // or the bubble would wait for its timers
		if l.now.Load().of("x") != zapcore.InfoLevel {
			t.Error("a level for a while has outlived its owner")
		}
	})
}

// TestLogLevelCommand: the command changes the log of the daemon that runs, and the
// audit log knows.
func TestLogLevelCommand(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	d := startDaemon(t, "", network, dir, "--admin-key", testAdminKey, "--log-level", "info")
	asked := func() int {
		before := strings.Count(d.stderr.String(), `"msg":"request"`)
		for range 3 {
			d.must(t, 200, "GET", "/healthz", nil)
		}
		return strings.Count(d.stderr.String(), `"msg":"request"`) - before
	}
	if n := asked(); n != 0 {
		t.Errorf("%d requests are told of at info", n)
	}
	code, stdout, stderr := command(t, "log-level", "debug", "--logger", "api", "--for", "1h", "--data", dir)
	if code != 0 || !strings.Contains(stdout, "everything   info\napi          debug until 2") {
		t.Fatalf("it ends with %d: %s%s", code, stdout, stderr)
	}
	eventually(t, "requests are told of", func() bool { return asked() > 0 })
	if code, _, stderr = command(t, "log-level", "default", "--logger", "api", "--data", dir); code != 0 {
		t.Fatal(stderr)
	}
	if n := asked(); n > 1 { // the PUT itself may come late
		t.Errorf("%d requests are told of after the end", n)
	}
	if code, stdout, _ = command(t, "log-level", "--data", dir); code != 0 || stdout != "everything   info\n" {
		t.Errorf("it shows %d %q", code, stdout)
	}
	operator := api{base: d.base, admin: testAdminKey}
	defer operator.closeIdle()
	log := operator.must(t, 200, "GET", "/api/admin/audit?action=log.level", nil)
	if entries := log.body["entries"].([]any); len(entries) != 2 || !strings.Contains(log.raw, `"actor":"shell","tenantId":"","action":"log.level","target":"api"`) ||
		!strings.Contains(log.raw, `"details":{"for":3600,"level":"debug"}`) {
		t.Errorf("the audit log has %s", log.raw)
	}
}
