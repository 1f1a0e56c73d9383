package simnet

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"sync"

	"go.mau.fi/whatsmeow/types"
)

var (
	// errAbsent says that a number isn't on WhatsApp.
	errAbsent = errors.New("number is not on WhatsApp")
	// errNotANumber says that a text can't be a phone number.
	errNotANumber = errors.New("not a phone number of 7 to 15 digits")
)

// directory knows every account by its number and by its LID. An account comes
// into being when somebody first asks for it; until it is used it costs two map
// entries and a small struct.
type directory struct {
	mu       sync.RWMutex
	byNumber map[string]*account
	byLID    map[string]*account
	absent   map[string]struct{}
}

func newDirectory() *directory {
	return &directory{byNumber: make(map[string]*account), byLID: make(map[string]*account)}
}

func (d *directory) setAbsent(numbers []string) {
	set := make(map[string]struct{}, len(numbers))
	for _, number := range numbers {
		set[number] = struct{}{}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.absent = set
}

func (d *directory) listAbsent() []string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	list := make([]string, 0, len(d.absent))
	for number := range d.absent {
		list = append(list, number)
	}
	return list
}

// number returns the account of a phone number and makes it when there is
// none. It fails with errAbsent or errNotANumber.
func (d *directory) number(number string) (*account, error) {
	d.mu.RLock()
	_, gone := d.absent[number]
	acct := d.byNumber[number]
	d.mu.RUnlock()
	if gone {
		return nil, errAbsent
	}
	if acct != nil {
		return acct, nil
	}
	if !isNumber(number) {
		return nil, errNotANumber
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if acct = d.byNumber[number]; acct == nil {
		acct = newAccount(number, d.freeLID(number))
		d.byNumber[number], d.byLID[acct.lid] = acct, acct
	}
	return acct, nil
}

// freeLID derives the LID from the number, so that a network without a state
// file gives the same number the same LID after a restart. Two numbers that
// meet on one are told apart by counting on.
func (d *directory) freeLID(number string) string {
	sum := fnv.New64a()
	sum.Write([]byte("lid of " + number))
	const low, span = 100_000_000_000_000, 800_000_000_000_000
	for n := sum.Sum64() % span; ; n = (n + 1) % span {
		lid := strconv.FormatUint(low+n, 10)
		if d.byLID[lid] == nil {
			return lid
		}
	}
}

// find returns the account that a JID names, with or without a device. It
// fails with errAbsent, errNotANumber, or because the JID isn't a person's.
func (d *directory) find(jid types.JID) (*account, error) {
	switch jid.Server {
	case types.DefaultUserServer:
		return d.number(jid.User)
	case types.HiddenUserServer:
		d.mu.RLock()
		acct := d.byLID[jid.User]
		_, gone := d.absent[numberOf(acct)]
		d.mu.RUnlock()
		if acct == nil || gone {
			return nil, errAbsent
		}
		return acct, nil
	default:
		return nil, fmt.Errorf("%q is not a server of people", jid.Server)
	}
}

func (d *directory) each(do func(*account)) {
	d.mu.RLock()
	all := make([]*account, 0, len(d.byNumber))
	for _, acct := range d.byNumber {
		all = append(all, acct)
	}
	d.mu.RUnlock()
	for _, acct := range all {
		do(acct)
	}
}

func numberOf(acct *account) string {
	if acct == nil {
		return ""
	}
	return acct.number
}

func isNumber(text string) bool {
	if len(text) < 7 || len(text) > 15 || text[0] == '0' {
		return false
	}
	for _, digit := range text {
		if digit < '0' || digit > '9' {
			return false
		}
	}
	return true
}
