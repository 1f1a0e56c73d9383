package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// tenantCommand is `wapid tenant …`: what the admin API does, from the shell of
// the daemon's machine, without a key. The daemon of the data directory must run.
type tenantCommand struct {
	Data string `help:"Data directory of the daemon (default ${default})." default:"./data" env:"WAPID_DATA" placeholder:"DIR"`
	JSON bool   `help:"Print the API's answer instead of a table." name:"json"`

	Create    tenantCreate    `cmd:"" help:"Create a tenant and print its API key, this once."`
	List      tenantList      `cmd:"" help:"List all tenants."`
	Show      tenantShow      `cmd:"" help:"Show a tenant, with its sessions and what it has sent today."`
	Set       tenantSet       `cmd:"" help:"Change a tenant; 0 ends a limit."`
	Suspend   tenantSuspend   `cmd:"" help:"Refuse a tenant's requests and let its queued messages wait."`
	Resume    tenantResume    `cmd:"" help:"End a suspension."`
	Delete    tenantDelete    `cmd:"" help:"Unlink a tenant's sessions and erase everything of it."`
	Keys      tenantKeys      `cmd:"" help:"List a tenant's API keys."`
	KeyCreate tenantKeyCreate `cmd:"" help:"Make another API key for a tenant and print it, this once."`
	KeyReset  tenantKeyReset  `cmd:"" help:"Replace a tenant's main API key and print the new one, this once."`
	KeyDelete tenantKeyDelete `cmd:"" help:"End an API key of a tenant at once."`
	LoginLink tenantLoginLink `cmd:"" help:"Make a link that logs a tenant in to the dashboard, once, within an hour."`
	Usage     tenantUsage     `cmd:"" help:"Messages sent by day; without a tenant, by tenant."`
}

// tenantLimits are the flags that create and set share. What is not given stays
// as it is.
type tenantLimits struct {
	DailyLimit    *int   `help:"Messages that may be sent in a day; 0 for any number." placeholder:"N"`
	MaxSessions   *int   `help:"Sessions at a time; 0 for any number." placeholder:"N"`
	Requests      *int   `help:"Requests a minute with each key; 0 for the daemon's default." placeholder:"N"`
	TimeZone      string `help:"Where the tenant's day begins, such as Asia/Kolkata." placeholder:"ZONE"`
	RetentionDays *int   `help:"Remove messages and events that are older; 0 keeps them." placeholder:"N"`
}

func (l tenantLimits) body() map[string]any {
	body := map[string]any{}
	for name, value := range map[string]*int{
		"dailyLimit": l.DailyLimit, "maxSessions": l.MaxSessions, "rateLimit": l.Requests, "retentionDays": l.RetentionDays,
	} {
		if value != nil {
			body[name] = *value
		}
	}
	putText(body, "timeZone", l.TimeZone)
	return body
}

func putText(body map[string]any, name, value string) {
	if value != "" {
		body[name] = value
	}
}

type tenantCreate struct {
	Name          string `arg:"" help:"What the tenant is called."`
	ID            string `help:"Its id, instead of one made from the name." name:"id" placeholder:"ID"`
	WebhookURL    string `help:"Where its events are posted." name:"webhook-url" placeholder:"URL"`
	WebhookSecret string `help:"What the deliveries are signed with." placeholder:"SECRET"`
	tenantLimits  `embed:""`
}

func (c *tenantCreate) Run(env *environment, t *tenantCommand) error {
	body := c.body()
	body["name"] = c.Name
	putText(body, "tenantId", c.ID)
	putText(body, "webhookUrl", c.WebhookURL)
	putText(body, "webhookSecret", c.WebhookSecret)
	return t.do(env, http.MethodPost, tenantsPath, body, printNewTenant)
}

type tenantList struct{}

func (c *tenantList) Run(env *environment, t *tenantCommand) error {
	shell, err := t.connect(env)
	if err != nil {
		return err
	}
	all, err := shell.listTenants()
	if err != nil {
		return err
	}
	return t.print(env, all, printTenants)
}

type tenantShow struct {
	ID string `arg:"" help:"The tenant."`
}

func (c *tenantShow) Run(env *environment, t *tenantCommand) error {
	return t.do(env, http.MethodGet, tenantPath(c.ID), nil, printTenant)
}

type tenantSet struct {
	ID           string `arg:"" help:"The tenant."`
	Name         string `help:"What it is called." placeholder:"NAME"`
	tenantLimits `embed:""`
}

func (c *tenantSet) Run(env *environment, t *tenantCommand) error {
	body := c.body()
	putText(body, "name", c.Name)
	if len(body) == 0 {
		return usageError{errors.New("nothing to change: name what, for example --daily-limit")}
	}
	return t.do(env, http.MethodPatch, tenantPath(c.ID), body, printTenant)
}

type tenantSuspend struct {
	ID string `arg:"" help:"The tenant."`
}

func (c *tenantSuspend) Run(env *environment, t *tenantCommand) error {
	return t.do(env, http.MethodPost, tenantPath(c.ID, "suspend"), nil, printTenant)
}

type tenantResume struct {
	ID string `arg:"" help:"The tenant."`
}

func (c *tenantResume) Run(env *environment, t *tenantCommand) error {
	return t.do(env, http.MethodPost, tenantPath(c.ID, "resume"), nil, printTenant)
}

type tenantDelete struct {
	ID     string `arg:"" help:"The tenant."`
	Yes    bool   `help:"Mean it: nothing of the tenant can be brought back."`
	NoWait bool   `help:"Return as soon as the erasure has begun."`
}

// erasurePoll is how often a command that waits for an erasure looks.
const erasurePoll = 200 * time.Millisecond

func (c *tenantDelete) Run(env *environment, t *tenantCommand) error {
	if !c.Yes {
		return usageError{fmt.Errorf("this unlinks the sessions of %s and erases everything of it: add --yes", c.ID)}
	}
	shell, err := t.connect(env)
	if err != nil {
		return err
	}
	raw, err := shell.call(http.MethodDelete, tenantPath(c.ID), nil)
	if err != nil {
		return err
	}
	if c.NoWait {
		return t.print(env, raw, printErasure)
	}
	for {
		_, err := shell.call(http.MethodGet, tenantPath(c.ID), nil)
		if refusal, ok := errors.AsType[*refusedError](err); ok && refusal.status == http.StatusNotFound {
			return t.print(env, []byte(fmt.Sprintf(`{"success":true,"tenantId":%q,"status":"erased"}`, c.ID)), printErasure)
		}
		if err != nil {
			return err
		}
		if err := pauseFor(env.ctx, erasurePoll); err != nil {
			return fmt.Errorf("the erasure of %s goes on without this command", c.ID)
		}
	}
}

type tenantUsage struct {
	ID   string `arg:"" optional:"" help:"The tenant; all of them without it."`
	From string `help:"The first day, YYYY-MM-DD." placeholder:"DAY"`
	To   string `help:"The last day, YYYY-MM-DD." placeholder:"DAY"`
}

func (c *tenantUsage) Run(env *environment, t *tenantCommand) error {
	days := url.Values{}
	for name, value := range map[string]string{"from": c.From, "to": c.To} {
		if value != "" {
			days.Set(name, value)
		}
	}
	if c.ID != "" {
		return t.do(env, http.MethodGet, tenantPath(c.ID, "usage")+"?"+days.Encode(), nil, printUsage)
	}
	shell, err := t.connect(env)
	if err != nil {
		return err
	}
	all, err := shell.sumUsage(days)
	if err != nil {
		return err
	}
	return t.print(env, all, printTotalUsage)
}
