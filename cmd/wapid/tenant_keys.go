package main

import "net/http"

type tenantKeys struct {
	ID string `arg:"" help:"The tenant."`
}

func (c *tenantKeys) Run(env *environment, t *tenantCommand) error {
	return t.do(env, http.MethodGet, tenantPath(c.ID, "api-keys"), nil, printKeys)
}

type tenantKeyCreate struct {
	ID       string   `arg:"" help:"The tenant."`
	Name     string   `help:"What the key is for." required:"" placeholder:"NAME"`
	Scope    string   `help:"read, send or manage (default ${default})." enum:"read,send,manage" default:"manage"`
	Sessions []string `help:"The only sessions that it reaches." placeholder:"ID,…"`
	Expires  string   `help:"When it ends, such as 2030-12-31T23:59:59Z." placeholder:"TIME"`
}

func (c *tenantKeyCreate) Run(env *environment, t *tenantCommand) error {
	body := map[string]any{"name": c.Name, "scope": c.Scope}
	if len(c.Sessions) > 0 {
		body["sessions"] = c.Sessions
	}
	putText(body, "expiresAt", c.Expires)
	return t.do(env, http.MethodPost, tenantPath(c.ID, "api-keys"), body, printNewKey)
}

type tenantKeyReset struct {
	ID string `arg:"" help:"The tenant."`
}

func (c *tenantKeyReset) Run(env *environment, t *tenantCommand) error {
	return t.do(env, http.MethodPost, tenantPath(c.ID, "api-key", "reset"), nil, printNewKey)
}

type tenantKeyDelete struct {
	ID  string `arg:"" help:"The tenant."`
	Key string `arg:"" help:"The key's id, as keys lists it." name:"key-id"`
}

func (c *tenantKeyDelete) Run(env *environment, t *tenantCommand) error {
	return t.do(env, http.MethodDelete, tenantPath(c.ID, "api-keys", c.Key), nil, printKeyGone)
}

type tenantLoginLink struct {
	ID string `arg:"" help:"The tenant."`
}

func (c *tenantLoginLink) Run(env *environment, t *tenantCommand) error {
	return t.do(env, http.MethodPost, tenantPath(c.ID, "login-link"), nil, printLoginLink)
}
