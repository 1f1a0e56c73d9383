package bulk

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"regexp"
	"time"

	"wapid/engine"
)

// Limits of a job.
const (
	MaxRecipients = 100_000
	MaxSessions   = 50     // that a job is spread over
	MaxPerHour    = 10_000 // that can be asked for as a limit
	MaxStartIn    = 366 * 24 * time.Hour
)

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

// Status is where a job stands, in the words of the public API. A job that is
// paused, or waits, stays pending or running.
type Status string

const (
	StatusPending   Status = "pending"   // queued, not started yet
	StatusRunning   Status = "running"   // sending
	StatusCompleted Status = "completed" // all recipients processed
	StatusFailed    Status = "failed"    // aborted; ErrorCode says why
)

// Ended tells whether nothing more is going to happen.
func (s Status) Ended() bool { return s == StatusCompleted || s == StatusFailed }

// Codes of jobs that have failed, and of what can't be asked of a job.
const (
	CodeCancelled engine.Code = "JOB_CANCELLED"
	CodeBanned    engine.Code = "SESSION_BANNED" // WhatsApp has banned the last of the job's numbers
	CodeEnded     engine.Code = "JOB_ENDED"      // the job has ended and can't be paused or resumed
)

// Job is one message to many recipients over one or several sessions. A session's
// jobs run one after the other, in the order in which they were made; one that may
// not go on for a reason of its own lets the next one pass.
type Job struct {
	ID JobID
	// Session is the first of Members.
	Session  engine.SessionKey
	Members  []Member
	Status   Status
	Schedule Schedule
	// Unreadable says that the schedule is damaged in the store: nothing is sent.
	Unreadable bool
	// Message is what every item sends, but for To and ID. Its text may hold
	// placeholders for the items' fields; see Fill. The job owns the attachment's file.
	Message            engine.Outgoing
	DelayMin, DelayMax time.Duration // between two sends of a session
	MaxPerHour         int           // sends of a session in any 60 minutes; 0 for no limit
	CheckNumbers       bool          // numbers are looked up before they are sent to
	Total              int           // items; Total = Succeeded + Failed + Skipped + what is left
	Succeeded, Failed  int
	Skipped            int // items that were passed over, such as those who have opted out
	Invalid            int // entries of the request that became no items
	PausedAt           time.Time
	ErrorCode          engine.Code // of StatusFailed
	CreatedAt          time.Time
	StartedAt          time.Time // zero before the first item
	FinishedAt         time.Time // zero before the end
}

// Processed is how many items have come to an end of their own.
func (j Job) Processed() int { return j.Succeeded + j.Failed + j.Skipped }

// Left is how many items the job is still to come to.
func (j Job) Left() int {
	if j.Status.Ended() {
		return 0
	}
	return max(j.Total-j.Processed(), 0)
}

// Unsent is how many items were passed over, or were not come to before the job failed.
func (j Job) Unsent() int {
	if j.Status == StatusFailed {
		return max(j.Total-j.Succeeded-j.Failed, 0)
	}
	return j.Skipped
}

// Paused tells whether somebody holds the job up.
func (j Job) Paused() bool { return !j.PausedAt.IsZero() }

// MemberState is where a session of a job stands.
type MemberState string

const (
	MemberActive  MemberState = "active"
	MemberDropped MemberState = "dropped" // the session is gone for good; ErrorCode says why
	MemberDone    MemberState = "done"    // the job has ended
)

// Member is a session that sends for a job.
type Member struct {
	Session engine.SessionID
	// MadeAt tells the session from a later one of the same name.
	MadeAt time.Time
	State  MemberState
	Waiting
	// NextAt is before when the job's next item is not sent over it; zero for at once.
	NextAt       time.Time
	Sent, Failed int
	ErrorCode    engine.Code // of MemberDropped
}

// ItemState is where an item stands.
type ItemState string

const (
	ItemPending ItemState = "pending"
	ItemSending ItemState = "sending" // claimed; after a crash it is sent again under the same id
	ItemSent    ItemState = "sent"
	ItemFailed  ItemState = "failed"
	ItemSkipped ItemState = "skipped" // passed over; ErrorCode says why
)

// Item is one recipient of a job.
type Item struct {
	Index     int // within the job, from 0
	To        engine.JID
	Fields    map[string]string // of the placeholders that the job's text has
	MessageID engine.MessageID  // fixed before anything is sent
	// Session is whose the item is from its claim on: a phone recognises a second
	// copy of a message only if it comes from the same number. Empty for anybody's.
	Session   engine.SessionID
	State     ItemState
	ErrorCode engine.Code // of ItemFailed and ItemSkipped
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
