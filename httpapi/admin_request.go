package httpapi

import (
	"encoding/json"
	"reflect"

	"wapid/engine"
	"wapid/store"
)

// most is a limit in a request. null and 0 both end it; absent leaves it alone.
type most struct {
	given bool
	value int
}

// UnmarshalJSON takes a whole number or null. Its errors gain the field's name
// from encoding/json.
func (m *most) UnmarshalJSON(raw []byte) error {
	m.given = true
	if string(raw) == "null" {
		return nil
	}
	if err := json.Unmarshal(raw, &m.value); err != nil {
		return &json.UnmarshalTypeError{Value: "value", Type: reflect.TypeFor[int]()}
	}
	return nil
}

// parse checks a limit. It returns CodeInvalid.
func (m most) parse(name string, largest int) (*int, error) {
	if !m.given {
		return nil, nil
	}
	if m.value < 0 || m.value > largest {
		return nil, engine.Errorf(engine.CodeInvalid, "%s must be a whole number from 1 to %d, or null or 0 for none", name, largest)
	}
	return &m.value, nil
}

// limits are the fields that a tenant is created with and changed by.
type limits struct {
	DailyLimit    most `json:"dailyLimit"`
	MaxSessions   most `json:"maxSessions"`
	RateLimit     most `json:"rateLimit"`
	RetentionDays most `json:"retentionDays"`
}

type createTenantRequest struct {
	Name          string `json:"name"`
	DailyLimit    most   `json:"dailyLimit"`
	MaxSessions   most   `json:"maxSessions"`
	WebhookURL    string `json:"webhookUrl"`
	WebhookSecret string `json:"webhookSecret"`
	TimeZone      string `json:"timeZone"`
	RateLimit     most   `json:"rateLimit"`
	RetentionDays most   `json:"retentionDays"`
	TenantID      string `json:"tenantId"`
}

// parse checks everything but the webhook. It returns CodeInvalid.
func (r createTenantRequest) parse() (n store.NewTenant, err error) {
	if n.Name, err = engine.ParseTenantName(r.Name); err != nil {
		return n, err
	}
	if r.TenantID == "" {
		n.ID = engine.NewTenantID(n.Name)
	} else if n.ID, err = engine.ParseTenantID(r.TenantID); err != nil {
		return n, err
	}
	if n.TimeZone = r.TimeZone; n.TimeZone != "" {
		if _, err := engine.ParseTimeZone(n.TimeZone); err != nil {
			return n, err
		}
	}
	if r.WebhookURL == "" && r.WebhookSecret != "" {
		return n, engine.Errorf(engine.CodeInvalid, "webhookSecret needs a webhookUrl")
	}
	n.WebhookURL, n.WebhookSecret = r.WebhookURL, r.WebhookSecret
	change, err := limits{r.DailyLimit, r.MaxSessions, r.RateLimit, r.RetentionDays}.parse()
	if err != nil {
		return n, err
	}
	n.DailyLimit, n.MaxSessions = value(change.DailyLimit), value(change.MaxSessions)
	n.RateLimit, n.RetentionDays = value(change.RateLimit), value(change.Retention)
	return n, nil
}

func value(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

func (l limits) parse() (c store.TenantChange, err error) {
	for _, field := range []struct {
		into    **int
		from    most
		name    string
		largest int
	}{
		{&c.DailyLimit, l.DailyLimit, "dailyLimit", engine.MaxTenantLimit},
		{&c.MaxSessions, l.MaxSessions, "maxSessions", engine.MaxTenantLimit},
		{&c.RateLimit, l.RateLimit, "rateLimit", engine.MaxTenantLimit},
		{&c.Retention, l.RetentionDays, "retentionDays", engine.MaxRetentionDays},
	} {
		if *field.into, err = field.from.parse(field.name, field.largest); err != nil {
			return store.TenantChange{}, err
		}
	}
	return c, nil
}

type patchTenantRequest struct {
	Name          *string `json:"name"`
	DailyLimit    most    `json:"dailyLimit"`
	MaxSessions   most    `json:"maxSessions"`
	RateLimit     most    `json:"rateLimit"`
	TimeZone      *string `json:"timeZone"`
	RetentionDays most    `json:"retentionDays"`
}

// parse returns CodeInvalid, also if nothing is to be changed.
func (r patchTenantRequest) parse() (store.TenantChange, error) {
	c, err := limits{r.DailyLimit, r.MaxSessions, r.RateLimit, r.RetentionDays}.parse()
	if err != nil {
		return c, err
	}
	if r.Name != nil {
		name, err := engine.ParseTenantName(*r.Name)
		if err != nil {
			return c, err
		}
		c.Name = &name
	}
	if r.TimeZone != nil {
		if _, err := engine.ParseTimeZone(*r.TimeZone); err != nil {
			return c, err
		}
		c.TimeZone = r.TimeZone
	}
	if c == (store.TenantChange{}) {
		return c, errNothingToChange()
	}
	return c, nil
}
