// Package hub reads and writes bodies as WhatsApp Hub has them. It is pure: it knows
// neither HTTP's server nor the store.
package hub
