// Package realtime writes the frames of Whatomate's WebSocket. It is pure: it knows
// neither HTTP's server nor the store.
package realtime
