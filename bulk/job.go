package bulk

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"regexp"
	"time"

	"wapid/engine"
)

// MaxRecipients is how many recipients one job may have.
const MaxRecipients = 100_000

// JobID names a job: 24 hexadecimal characters, as the WapiConnect document
// shows them. The first eight are the second in which it was made.
type JobID string

var jobIDPattern = regexp.MustCompile(`^[0-9a-f]{24}$`)

// NewJobID makes an id that nobody can guess: 64 of its bits are random.
func NewJobID(now time.Time) JobID {
	var b [12]byte
	binary.BigEndian.PutUint32(b[:], uint32(now.Unix()))
	rand.Read(b[4:]) // never fails: it ends the program instead
	return JobID(hex.EncodeToString(b[:]))
}

// ParseJobID checks a caller's job id. It returns CodeNotFound for what can't be
// one: there is no such job.
func ParseJobID(s string) (JobID, error) {
	if !jobIDPattern.MatchString(s) {
		return "", errNoJob()
	}
	return JobID(s), nil
}

func errNoJob() error { return engine.Errorf(engine.CodeNotFound, "there is no such bulk job") }

// Status is where a job stands, in the words of the public API.
type Status string

const (
	StatusPending   Status = "pending"   // queued, not started yet
	StatusRunning   Status = "running"   // sending
	StatusCompleted Status = "completed" // all recipients processed
	StatusFailed    Status = "failed"    // aborted; ErrorCode says why
)

// Ended tells whether nothing more is going to happen.
func (s Status) Ended() bool { return s == StatusCompleted || s == StatusFailed }

// Wait says why a job that is pending or running does not go on just now.
type Wait string

const (
	WaitNone      Wait = ""
	WaitSession   Wait = "session_not_ready"
	WaitLimit     Wait = "daily_limit"
	WaitSuspended Wait = "suspended"
	WaitTimelock  Wait = "reachout_timelock"
	WaitRate      Wait = "rate_limited"
	WaitStorage   Wait = "storage_unavailable"
	WaitRetry     Wait = "retrying" // an item's outcome is not known; it is sent again under the same id
)

// CodeCancelled is the error code of a job that was cancelled.
const CodeCancelled engine.Code = "JOB_CANCELLED"

// Job is one message to many recipients over one session. A session's jobs run
// one after the other, in the order in which they were made.
type Job struct {
	ID      JobID
	Session engine.SessionKey
	// SessionMadeAt tells the session from a later one of the same name.
	SessionMadeAt time.Time
	Status        Status
	Waiting       Wait
	// NextAt is before when nothing is sent; zero for at once.
	NextAt time.Time
	// Message is what every item sends, but for To and ID. Its text may hold
	// placeholders for the items' fields; see Fill. The job owns the attachment's file.
	Message            engine.Outgoing
	DelayMin, DelayMax time.Duration // between two sends
	Total              int
	Succeeded, Failed  int
	ErrorCode          engine.Code // of StatusFailed
	CreatedAt          time.Time
	StartedAt          time.Time // zero before the first item
	FinishedAt         time.Time // zero before the end
}

// Processed is how many items have come to an end.
func (j Job) Processed() int { return j.Succeeded + j.Failed }

// ItemState is where an item stands.
type ItemState string

const (
	ItemPending ItemState = "pending"
	ItemSending ItemState = "sending" // claimed; after a crash it is sent again under the same id
	ItemSent    ItemState = "sent"
	ItemFailed  ItemState = "failed"
)

// Item is one recipient of a job.
type Item struct {
	Index     int // within the job, from 0
	To        engine.JID
	Fields    map[string]string // of the placeholders that the job's text has
	MessageID engine.MessageID  // fixed before anything is sent
	State     ItemState
	ErrorCode engine.Code // of ItemFailed
	Attempts  int         // tries whose outcome is not known
	SentAt    time.Time   // of ItemSent: the network's clock
}

// Message is what an item sends.
func (j Job) message(it Item) engine.Outgoing {
	m := j.Message
	m.ID, m.To = it.MessageID, it.To
	m.Text = Fill(m.Text, it.Fields)
	if m.Poll != nil {
		poll := *m.Poll
		poll.Question = Fill(poll.Question, it.Fields)
		m.Poll = &poll
	}
	return m
}
