// Package realtime writes the frames of Whatomate's WebSocket, and reads what its
// clients say there. Each frame is one JSON object, {"type":…,"payload":…}, and behind
// these the id of the event of the tenant's log that it tells of, for a client that
// comes back. The package is pure: it knows neither HTTP's server nor the store.
package realtime
