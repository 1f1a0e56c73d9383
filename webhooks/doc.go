// Package webhooks delivers a tenant's events to the URL that the tenant gave.
// The database is the queue: an event's deliveries are rows that were committed
// together with the event, and the Dispatcher claims due rows, posts them
// through the Guard and finishes or reschedules each one. Every event is
// delivered at least once; a receiver drops repetitions by webhook-id.
package webhooks
