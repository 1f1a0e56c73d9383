package httpapi

import (
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"wapid/bulk"
	"wapid/engine"
	"wapid/webhooks"
)

// paths are the operations of the OpenAPI document as "METHOD /path".
type document struct {
	Paths      map[string]map[string]any `yaml:"paths"`
	Webhooks   map[string]any            `yaml:"webhooks"`
	Components struct {
		Schemas map[string]struct {
			Enum       []string       `yaml:"enum"`
			Required   []string       `yaml:"required"`
			Properties map[string]any `yaml:"properties"`
		} `yaml:"schemas"`
	} `yaml:"components"`
}

func readDocument(t *testing.T) document {
	t.Helper()
	var doc document
	if err := yaml.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestDocumentIsValidOpenAPI(t *testing.T) {
	if valid, errs := contract(t).ValidateDocument(); !valid {
		for _, e := range errs {
			t.Error(e)
		}
	}
}

func TestDocumentAndRoutesAgree(t *testing.T) {
	var documented, registered, keyless, admin, cookie []string
	for path, operations := range readDocument(t).Paths {
		for method, operation := range operations {
			if method == "parameters" {
				continue
			}
			name := strings.ToUpper(method) + " " + path
			documented = append(documented, name)
			switch own, given := operation.(map[string]any)["security"].([]any); {
			case given && len(own) == 0:
				keyless = append(keyless, name)
			case given && reflect.DeepEqual(own, []any{map[string]any{"browser": []any{}}}):
				cookie = append(cookie, name)
			case given && slices.ContainsFunc(own, namesAdminKey):
				admin = append(admin, name)
			}
		}
	}
	server := New(Options{})
	parameter := regexp.MustCompile(`:(\w+)`)
	var public, operator, browser []string
	for _, r := range server.routes() {
		name := r.method + " " + parameter.ReplaceAllString(r.path, "{$1}")
		registered = append(registered, name)
		if r.public != nil {
			public = append(public, name)
		}
		if r.operator != nil {
			operator = append(operator, name)
		}
		if r.browser != nil {
			browser = append(browser, name)
		}
		handlers := 0
		for _, set := range []bool{r.public != nil, r.tenant != nil, r.operator != nil, r.browser != nil} {
			if set {
				handlers++
			}
		}
		if handlers != 1 {
			t.Errorf("%s must have one handler", name)
		}
	}
	// Nothing may be registered past the table.
	var inFiber []string
	for _, r := range server.app.GetRoutes(true) {
		if r.Method != http.MethodHead {
			inFiber = append(inFiber, r.Method+" "+parameter.ReplaceAllString(r.Path, "{$1}"))
		}
	}
	for _, list := range [][]string{documented, registered, keyless, public, admin, operator, cookie, browser, inFiber} {
		slices.Sort(list)
	}
	if !slices.Equal(documented, registered) {
		t.Errorf("documented\n%s\nregistered\n%s", strings.Join(documented, "\n"), strings.Join(registered, "\n"))
	}
	if !slices.Equal(inFiber, registered) {
		t.Errorf("in Fiber\n%s\nregistered\n%s", strings.Join(inFiber, "\n"), strings.Join(registered, "\n"))
	}
	if !slices.Equal(admin, operator) {
		t.Errorf("documented with the admin key %v, served with it %v", admin, operator)
	}
	if !slices.Equal(cookie, browser) {
		t.Errorf("documented with a cookie %v, served with it %v", cookie, browser)
	}
	if !slices.Equal(keyless, public) {
		t.Errorf("documented without a key %v, served without a key %v", keyless, public)
	}
}

// namesAdminKey tells whether a way to be known is the operator's key.
func namesAdminKey(way any) bool {
	_, named := way.(map[string]any)["adminKey"]
	return named
}

func TestDocumentKnowsEveryWord(t *testing.T) {
	schemas := readDocument(t).Components.Schemas
	for name, want := range map[string][]string{
		"Status": words(engine.StatusInitializing, engine.StatusQRReady, engine.StatusPasskeyRequired,
			engine.StatusAuthenticated, engine.StatusReady, engine.StatusDisconnected),
		"Reason": words(engine.ReasonNetwork, engine.ReasonLoggedOut, engine.ReasonQRTimeout, engine.ReasonReplaced,
			engine.ReasonBanned, engine.ReasonClientOutdated, engine.ReasonStopped, engine.ReasonPairingFailed, engine.ReasonMoved, engine.ReasonUnreadable),
		"EventType": words(webhooks.Types()...),
		"ErrorCode": append(words(engineCodes...), words(CodeMethodNotAllowed, CodeRequestTimeout,
			CodePayloadTooLarge, CodeUnsupportedMedia, CodeHeadersTooLarge, CodeLinkExpired, bulk.CodeEnded)...),
	} {
		if got := schemas[name].Enum; !slices.Equal(got, want) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

// TestDocumentKnowsTheDeliveries holds the webhooks of the document against the
// types that are posted.
func TestDocumentKnowsTheDeliveries(t *testing.T) {
	doc := readDocument(t)
	events := words(engine.EventCall, engine.EventDisconnected, engine.EventGroup, engine.EventMessage, engine.EventMessageStatus,
		engine.EventQR, engine.EventReady, engine.EventTemplate, engine.EventTest, engine.EventWebhookDisabled)
	if got := slices.Sorted(maps.Keys(doc.Webhooks)); !slices.Equal(got, events) {
		t.Errorf("the webhooks are %v, want %v", got, events)
	}
	for name, data := range map[string]any{
		"QREvent": engine.QRData{}, "ReadyEvent": engine.ReadyData{},
		"DisconnectedEvent": engine.DisconnectedData{}, "MessageEvent": engine.MessageData{},
		"MessageStatusEvent": engine.MessageStatusData{}, "GroupEvent": engine.GroupChange{}, "CallEvent": engine.Call{},
		"TestEvent": engine.TestData{}, "TemplateEvent": engine.TemplateData{}, "WebhookDisabledEvent": engine.WebhookDisabledData{}, "MediaInfo": engine.MediaInfo{}, "PollVote": engine.Vote{}, "Reaction": engine.Reaction{},
		"TargetMessage": engine.TargetInfo{}, "QuotedMessage": engine.QuotedInfo{}, "Place": engine.Location{},
		"ContactCard": engine.Contact{}, "Poll": engine.Poll{},
	} {
		schema := doc.Components.Schemas[name]
		var all, required []string
		for _, f := range reflect.VisibleFields(reflect.TypeOf(data)) {
			key, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous || key == "-" {
				continue // its own fields are listed as well, or it is not posted
			}
			all = append(all, key)
			if options == "" {
				required = append(required, key)
			}
		}
		slices.Sort(all)
		if got := slices.Sorted(maps.Keys(schema.Properties)); !slices.Equal(got, all) {
			t.Errorf("%s has %v, want %v", name, got, all)
		}
		if !slices.Equal(schema.Required, required) {
			t.Errorf("%s requires %v, want %v", name, schema.Required, required)
		}
	}
}

// engineCodes are the codes of the engine, in its order.
var engineCodes = []engine.Code{
	engine.CodeInvalid, engine.CodeUnauthorized, engine.CodeNotFound, engine.CodeSessionNotFound,
	engine.CodeSessionNotReady, engine.CodeAlreadyLinked, engine.CodeSessionMoved, engine.CodeSessionLive, engine.CodeSessionBusy, engine.CodeNotOnWhatsApp, engine.CodeRecipientInvalid, engine.CodeWindowClosed, engine.CodeReachoutTimelock,
	engine.CodeRateLimited, engine.CodeSendRejected, engine.CodeSendOutcomeUnknown, engine.CodeUndeliverable,
	engine.CodeNotSupported, engine.CodeEgressRefused,
	engine.CodeMessageExpired, engine.CodeSentLimit, engine.CodeConflict, engine.CodeMediaGone, engine.CodeMediaInvalid, engine.CodeProxyFailed,
	engine.CodeForbidden, engine.CodeTenantSuspended, engine.CodeSessionLimit, engine.CodeNetworkRefused,
	engine.CodeStorage, engine.CodeStopping, engine.CodeInternal,
}

func words[T ~string](list ...T) []string {
	out := make([]string, len(list))
	for i, w := range list {
		out[i] = string(w)
	}
	return out
}
