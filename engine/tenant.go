// Package engine is the vocabulary and the heart of wapid: tenants, sessions,
// messages and events, the state machine that every session runs through, and
// the seam to a WhatsApp network. It imports no other package of the project.
package engine

import "time"

// TenantID names a tenant. It is a slug such as "my-business-a1b2c3".
type TenantID string

// Tenant is one customer of the daemon. Everything a tenant owns is reached
// through its id: the same SessionID in two tenants names two sessions.
type Tenant struct {
	ID        TenantID
	Name      string
	CreatedAt time.Time
}
