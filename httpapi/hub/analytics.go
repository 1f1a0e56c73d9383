package hub

import (
	"strconv"
	"time"

	"wapid/engine"
)

// Counts are how many messages there are: those that came in, and those that were sent
// by how far each has come by now.
type Counts struct {
	Received  int `json:"received"`
	Queued    int `json:"queued"`
	Sent      int `json:"sent"`
	Delivered int `json:"delivered"`
	Read      int `json:"read"`
	Failed    int `json:"failed"`
	Unknown   int `json:"unknown"`
}

// Add counts messages.
func (c *Counts) Add(d engine.Direction, s engine.MessageStatus, n int) {
	if d == engine.Inbound {
		c.Received += n
		return
	}
	switch s {
	case engine.MessageQueued, engine.MessagePending:
		c.Queued += n
	case engine.MessageSent:
		c.Sent += n
	case engine.MessageDelivered:
		c.Delivered += n
	case engine.MessageRead, engine.MessagePlayed:
		c.Read += n
	case engine.MessageFailed:
		c.Failed += n
	default:
		c.Unknown += n
	}
}

// Day is what there is of one day, of UTC.
type Day struct {
	Date string `json:"date"` // 2026-03-08
	Counts
}

// Analytics is the answer to analytics/messages.
type Analytics struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Total Counts `json:"total"`
	Days  []Day  `json:"days"` // all of them, oldest first
}

// ParseTime reads a time of a query: unix seconds, or as 2026-03-08T10:30:00Z or
// 2026-03-08. It returns CodeInvalid.
func ParseTime(name, raw string) (time.Time, error) {
	if s, err := strconv.ParseInt(raw, 10, 64); err == nil && s > 0 && s < 1<<36 {
		return time.Unix(s, 0).UTC(), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, raw); err == nil && t.Year() >= 1970 && t.Year() < 3000 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, invalid("%s must be a time as 2026-03-08T10:30:00Z or 2026-03-08, or unix seconds", name)
}
