package load

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Kinds of load.
const (
	Repeat = "repeat" // texts to people who were written to before
	First  = "first"  // texts to people who were not
	Media  = "media"  // pictures to people who were written to before
)

// Numbers are the phones of a run: who is linked and who is written to. Fleets
// with another series have other phones.
type Numbers struct{ Series int }

// Session is the phone of a session.
func (n Numbers) Session(i int) string { return fmt.Sprintf("49151%03d%05d", n.Series, i) }

// Sessions are all of them, as the simulated network's faults name several numbers.
func (n Numbers) Sessions() string { return fmt.Sprintf("49151%03d*", n.Series) }

// Friend is somebody whom a session writes to again and again.
func (n Numbers) Friend(session, i int) string {
	return fmt.Sprintf("49171%03d%06d", n.Series, session*Friends+i%Friends)
}

// Stranger is somebody whom nobody has written to, if i is a new one.
func (n Numbers) Stranger(i int) string { return fmt.Sprintf("49161%03d%07d", n.Series, i) }

// Friends is how many people a session writes to again and again.
const Friends = 2

// Text is what is sent.
const Text = "Your order 4711 has been shipped and will arrive tomorrow."

// Stamped reads the time, in nanoseconds, that the simulated network puts at the
// end of a text that it sends for a measurement.
func Stamped(text string) (time.Time, bool) {
	_, stamp, ok := strings.Cut(text, " @")
	if !ok {
		return time.Time{}, false
	}
	nanos, err := strconv.ParseInt(stamp, 10, 64)
	return time.Unix(0, nanos), err == nil
}
