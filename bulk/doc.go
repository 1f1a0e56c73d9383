// Package bulk sends one message to many recipients, patiently: a job waits for
// its session, paces its sends, and goes on after a crash where it was. It owns
// jobs and their items; the store remembers them, the engine sends.
package bulk
