package bulk

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"wapid/engine"
)

func TestFill(t *testing.T) {
	fields := map[string]string{"name": "Asha", "code": "7", "tricky": "{{name}}", "First Name": "Meera", "Straße": "Ring", "order-id": "77", "1x": "one"}
	for _, c := range []struct{ text, want string }{
		{"plain", "plain"},
		{"Hi {{name}}!", "Hi Asha!"},
		{"{{ name }} {{name}} {{code}}", "Asha Asha 7"},
		{"{{missing|friend}} {{missing}}.", "friend ."},
		{"{{name|friend}}", "Asha"},
		{"{{missing|}}x", "x"},
		{"{{tricky}}", "{{name}}"},
		{"{{First Name}} {{ First Name }} {{Straße}} {{order-id}} {{1x}} {{Last Name|Rao}}", "Meera Meera Ring 77 one Rao"},
		{"{name} {{}} {{ }} {{|x}} {{a\nb}} {{", "{name} {{}} {{ }} {{|x}} {{a\nb}} {{"},
		{"{{{name}}}", "{Asha}"},
	} {
		if got := Fill(c.text, fields); got != c.want {
			t.Errorf("%q becomes %q, want %q", c.text, got, c.want)
		}
	}
}

func unfit(text string) string {
	if len(text) > engine.MaxTextLength {
		return "too long"
	}
	return ""
}

func TestMakePlan(t *testing.T) {
	list := []Recipient{
		{Phone: "919876543210", Fields: map[string]string{"name": "Asha", "unused": "x"}},
		{Phone: "+91 98765 43210"},
		{Phone: "nobody"},
		{Phone: "919876543211"},
		{Phone: "919876543212", Fields: map[string]string{"name": ""}},
		{Phone: "919876543213", Fields: map[string]string{"name": strings.Repeat("x", engine.MaxTextLength)}},
		{Phone: "120363025246125486@g.us", Fields: map[string]string{"name": "all"}},
	}
	p := MakePlan(list, "Hi {{name}}, {{phone}} {{shop|us}}", unfit)
	want := []Item{
		{Index: 0, To: "919876543210@s.whatsapp.net", Fields: map[string]string{"name": "Asha", "phone": "919876543210"}, State: ItemPending},
		{Index: 1, To: "919876543212@s.whatsapp.net", Fields: map[string]string{"phone": "919876543212"}, State: ItemPending},
		{Index: 2, To: "120363025246125486@g.us", Fields: map[string]string{"name": "all", "phone": "120363025246125486"}, State: ItemPending},
	}
	if !reflect.DeepEqual(p.Items, want) {
		t.Errorf("items are %+v", p.Items)
	}
	if len(p.Duplicates) != 1 || p.Duplicates[0].Index != 1 || p.Duplicates[0].Recipient != "+91 98765 43210" {
		t.Errorf("duplicates are %+v", p.Duplicates)
	}
	var invalid []int
	for _, r := range p.Invalid {
		invalid = append(invalid, r.Index)
	}
	if !reflect.DeepEqual(invalid, []int{2, 3, 5}) || !strings.Contains(p.Invalid[1].Reason, `"name"`) || !strings.Contains(p.Invalid[2].Reason, "too long") {
		t.Errorf("invalid are %+v", p.Invalid)
	}
	if plain := MakePlan(list[:1], "no fields", unfit); plain.Items[0].Fields != nil {
		t.Errorf("fields that nobody uses are kept: %v", plain.Items[0].Fields)
	}
}

// An entry that was refused must not make a later one of the same address a duplicate.
func TestInvalidEntriesShadowNothing(t *testing.T) {
	p := MakePlan([]Recipient{
		{Phone: "919876543210"},
		{Phone: "919876543210", Fields: map[string]string{"name": "Asha"}},
	}, "{{name}}", unfit)
	if len(p.Items) != 1 || p.Items[0].Fields["name"] != "Asha" || len(p.Duplicates) != 0 || len(p.Invalid) != 1 {
		t.Errorf("the plan is %+v", p)
	}
}

func TestJudge(t *testing.T) {
	after := func(code engine.Code, d time.Duration) error { return &engine.Error{Code: code, RetryAfter: d} }
	for _, c := range []struct {
		name     string
		err      error
		attempts int
		want     verdict
	}{
		{"sent", nil, 0, verdict{step: stepSent}},
		{"absent", after(engine.CodeNotOnWhatsApp, 0), 0, verdict{step: stepFail, code: engine.CodeNotOnWhatsApp}},
		{"unlisted", after("NEW", 0), 0, verdict{step: stepFail, code: "NEW"}},
		{"no error of ours", errors.New("x"), 0, verdict{step: stepFail, code: engine.CodeInternal}},
		{"unknown", after(engine.CodeSendOutcomeUnknown, 0), 0,
			verdict{step: stepRetry, code: engine.CodeSendOutcomeUnknown, waiting: WaitRetry, after: 2 * time.Second, lasts: 2 * time.Second}},
		{"unknown for too long", after(engine.CodeSendOutcomeUnknown, 0), maxAttempts - 1,
			verdict{step: stepFail, code: engine.CodeSendOutcomeUnknown}},
		{"not ready", after(engine.CodeSessionNotReady, 0), 0,
			verdict{step: stepHandBack, code: engine.CodeSessionNotReady, waiting: WaitSession, after: time.Second}},
		{"limit, day long", after(engine.CodeSentLimit, 9*time.Hour), 0,
			verdict{step: stepHandBack, code: engine.CodeSentLimit, waiting: WaitLimit, after: time.Minute, lasts: 9 * time.Hour}},
		{"limit, day over soon", after(engine.CodeSentLimit, 3*time.Second), 0,
			verdict{step: stepHandBack, code: engine.CodeSentLimit, waiting: WaitLimit, after: 3 * time.Second, lasts: 3 * time.Second}},
		{"timelock", after(engine.CodeReachoutTimelock, 2*time.Hour), 3,
			verdict{step: stepHandBack, code: engine.CodeReachoutTimelock, waiting: WaitTimelock, after: 2*time.Hour + 2*time.Second, lasts: 2 * time.Hour}},
		{"timelock without an end", after(engine.CodeReachoutTimelock, 0), 0,
			verdict{step: stepHandBack, code: engine.CodeReachoutTimelock, waiting: WaitTimelock, after: 10 * time.Minute}},
		{"storage", after(engine.CodeStorage, 0), 0,
			verdict{step: stepHandBack, code: engine.CodeStorage, waiting: WaitStorage, after: 2 * time.Second}},
		{"session gone", after(engine.CodeSessionNotFound, 0), 0, verdict{step: stepHandBack, code: engine.CodeSessionNotFound}},
	} {
		if got := judge(c.err, c.attempts); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestJobIDs(t *testing.T) {
	a, b := NewJobID(time.Unix(0x65f1a2b3, 0)), NewJobID(time.Unix(0x65f1a2b3, 0))
	if a == b || !strings.HasPrefix(string(a), "65f1a2b3") {
		t.Errorf("ids are %s and %s", a, b)
	}
	if _, err := ParseJobID(string(a)); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "65f1a2b3c4d5e6f7a8b9c0d", "65F1A2B3C4D5E6F7A8B9C0D1", "65f1a2b3c4d5e6f7a8b9c0d1 "} {
		if _, err := ParseJobID(bad); engine.CodeOf(err) != engine.CodeNotFound {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
