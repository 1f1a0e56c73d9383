package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"wapid/engine"
)

// The contacts book has an entry for each person who has written to a tenant, and for
// those whom it has entered. What messages tell of them is in contactmeet.go.

// Bounds of what a tenant may note of a contact.
const (
	MaxContactName   = 200  // bytes
	MaxContactTags   = 50   // of one contact
	MaxContactTag    = 64   // bytes
	MaxContactCustom = 8192 // bytes of all custom fields as JSON
	MaxCustomName    = 64   // bytes
)

// ContactID is a UUID.
type ContactID string

// Contact is a person in a tenant's contacts book. At least one of the addresses is there.
type Contact struct {
	ID        ContactID
	Person    engine.Person
	Name      string // that the tenant gave
	PushName  string // that the person chose
	Tags      []string
	Custom    map[string]any // texts, numbers (json.Number) and truth values
	Entered   bool           // by the tenant, or changed by it
	CreatedAt time.Time
	UpdatedAt time.Time
}

// ContactChange is what a tenant notes of a contact; nil leaves a field as it is.
type ContactChange struct {
	Name   *string
	Tags   *[]string
	Custom *map[string]any
}

// Check returns CodeInvalid for what is too long, too much or of the wrong type.
func (c ContactChange) Check() error {
	if c.Name != nil && (len(*c.Name) > MaxContactName || !oneLine(*c.Name)) {
		return engine.Errorf(engine.CodeInvalid, "name must be one line of at most %d bytes", MaxContactName)
	}
	if c.Tags != nil {
		if len(*c.Tags) > MaxContactTags {
			return engine.Errorf(engine.CodeInvalid, "tags must not have more than %d entries", MaxContactTags)
		}
		for _, tag := range *c.Tags {
			if tag == "" || len(tag) > MaxContactTag || !oneLine(tag) {
				return engine.Errorf(engine.CodeInvalid, "each of tags must be one line of 1 to %d bytes", MaxContactTag)
			}
		}
	}
	if c.Custom == nil {
		return nil
	}
	for name, value := range *c.Custom {
		if name == "" || len(name) > MaxCustomName || !oneLine(name) {
			return engine.Errorf(engine.CodeInvalid, "the names in custom must be one line of 1 to %d bytes", MaxCustomName)
		}
		switch value.(type) {
		case string, bool, json.Number:
		default:
			return engine.Errorf(engine.CodeInvalid, "the values in custom must be texts, numbers, true or false")
		}
	}
	if raw, err := json.Marshal(*c.Custom); err != nil || len(raw) > MaxContactCustom {
		return engine.Errorf(engine.CodeInvalid, "custom must not have more than %d bytes", MaxContactCustom)
	}
	return nil
}

// oneLine tells whether a text is valid and without control characters.
func oneLine(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func (c ContactChange) apply(to *Contact) {
	if c.Name != nil {
		to.Name = *c.Name
	}
	if c.Tags != nil {
		to.Tags = unique(*c.Tags)
	}
	if c.Custom != nil {
		to.Custom = *c.Custom
	}
	to.Entered = true
}

// unique leaves out what is there before.
func unique(tags []string) (once []string) {
	seen := make(map[string]bool)
	for _, tag := range tags {
		if !seen[tag] {
			seen[tag] = true
			once = append(once, tag)
		}
	}
	return once
}

// PutContact enters a person whom a tenant names by phone number, or notes something of
// one who is there. Of a person who is new it tells. It returns CodeInvalid for a
// change that does not pass Check.
func (s *Store) PutContact(ctx context.Context, tenant engine.TenantID, phone engine.JID, change ContactChange) (c Contact, isNew bool, err error) {
	if err := change.Check(); err != nil {
		return c, false, err
	}
	err = s.updateQueueing(ctx, func(tx *sql.Tx) (queued int64, err error) {
		found, err := s.matchingContacts(tx, tenant, phone.Person())
		if err != nil {
			return 0, err
		}
		if isNew = len(found) == 0; !isNew {
			c = found[0]
			return s.changeContact(tx, tenant, &c, change)
		}
		person, err := completed(tx, tenant, phone.Person())
		if err != nil {
			return 0, err
		}
		if found, err = s.matchingContacts(tx, tenant, person); err != nil {
			return 0, err
		}
		// Somebody of whom the messages tell this number is there under the LID alone.
		if len(found) > 0 && found[0].Person.Phone == "" {
			c, isNew = found[0], false
			c.Person = person
			return s.changeContact(tx, tenant, &c, change)
		}
		if len(found) > 0 { // under another number by now
			person.LID = ""
		}
		c = Contact{Person: person}
		change.apply(&c)
		return s.insertContact(tx, tenant, &c, "")
	})
	return c, isNew, err
}

// ChangeContact notes something of a contact. It returns CodeNotFound and the errors of
// PutContact.
func (s *Store) ChangeContact(ctx context.Context, tenant engine.TenantID, id ContactID, change ContactChange) (c Contact, err error) {
	if err := change.Check(); err != nil {
		return c, err
	}
	err = s.updateQueueing(ctx, func(tx *sql.Tx) (queued int64, err error) {
		if c, err = s.scanContact(tx.QueryRow(selectContact+whereContact, tenant, id)); err != nil {
			return 0, orNotFound(err, "contact")
		}
		return s.changeContact(tx, tenant, &c, change)
	})
	return c, err
}

// changeContact saves a contact, and tells of it unless the change changes nothing.
func (s *Store) changeContact(tx *sql.Tx, tenant engine.TenantID, c *Contact, change ContactChange) (queued int64, err error) {
	before := *c
	change.apply(c)
	same := reflect.DeepEqual(*c, before)
	if !same {
		c.UpdatedAt = s.clock().UTC().Truncate(time.Millisecond)
	}
	if err := s.saveContact(tx, tenant, *c); err != nil || same {
		return 0, err
	}
	return s.tellContact(tx, tenant, *c, engine.ContactUpdated, "")
}

// DeleteContact takes a person out of the contacts book; who writes again is new. It returns
// CodeNotFound.
func (s *Store) DeleteContact(ctx context.Context, tenant engine.TenantID, id ContactID) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		n, err := changed(tx.Exec(`DELETE FROM contacts`+whereContact, tenant, id))
		if err == nil && n == 0 {
			err = orNotFound(sql.ErrNoRows, "contact")
		}
		return err
	})
}

// FindContact returns a contact by its id, or CodeNotFound.
func (s *Store) FindContact(ctx context.Context, tenant engine.TenantID, id ContactID) (Contact, error) {
	c, err := s.scanContact(s.read.QueryRowContext(ctx, selectContact+whereContact, tenant, id))
	return c, orNotFound(err, "contact")
}

// FindContactOf returns a contact by either address, or CodeNotFound.
func (s *Store) FindContactOf(ctx context.Context, tenant engine.TenantID, who engine.JID) (Contact, error) {
	person := who.Person()
	c, err := s.scanContact(s.read.QueryRowContext(ctx, matchContacts, tenant, person.Phone, person.LID))
	return c, orNotFound(err, "contact")
}

// ContactPage says which of a tenant's contacts are wanted, newest first.
type ContactPage struct {
	Search string // part of a name, of the chosen name, or of the number
	Tag    string // one of the contact's
	After  ContactID
	Skip   int
	Limit  int
}

func (p ContactPage) conditions(tenant engine.TenantID) (q conditions) {
	q.add(`tenant_id = ?`, tenant)
	if p.Search != "" {
		q.anyContains([]string{`name`, `push_name`, `phone`}, p.Search)
	}
	if p.Tag != "" {
		raw, _ := json.Marshal(p.Tag) // a string is always encoded
		q.add(`instr(',' || substr(tags, 2, length(tags) - 2) || ',', ?) > 0`, ","+string(raw)+",")
	}
	return q
}

// anyContains demands that one of some columns holds a text; see contains.
func (q *conditions) anyContains(columns []string, text string) {
	var any []string
	for _, column := range columns {
		one := conditions{args: q.args}
		one.contains(column, text)
		q.args, any = one.args, append(any, one.terms...)
	}
	q.terms = append(q.terms, "("+strings.Join(any, " OR ")+")")
}

// ListContacts returns the contacts of a page. Nothing follows a contact that is gone.
func (s *Store) ListContacts(ctx context.Context, tenant engine.TenantID, p ContactPage) ([]Contact, error) {
	q := p.conditions(tenant)
	if p.After != "" {
		q.add(`(created_at, id) < (SELECT a.created_at, a.id FROM contacts a WHERE a.tenant_id = ? AND a.id = ?)`, tenant, p.After)
	}
	query := selectContact + q.where() + ` ORDER BY created_at DESC, id DESC LIMIT ` + q.bind(p.Limit)
	rows, err := s.read.QueryContext(ctx, query+` OFFSET `+q.bind(p.Skip), q.args...)
	return collect(rows, err, s.scanContact)
}

// CountContacts says how many contacts all pages have.
func (s *Store) CountContacts(ctx context.Context, tenant engine.TenantID, p ContactPage) (n int, err error) {
	q := p.conditions(tenant)
	err = s.read.QueryRowContext(ctx, `SELECT count(*) FROM contacts`+q.where(), q.args...).Scan(&n)
	return n, storageError(err)
}

const (
	selectContact = `SELECT id, phone, lid, name, push_name, tags, custom, entered, created_at, updated_at FROM contacts`
	whereContact  = ` WHERE tenant_id = $1 AND id = $2`
)

// scanContact reads a contact; tags and fields that can't be read are told and left out.
func (s *Store) scanContact(r row) (c Contact, err error) {
	var tags, custom error
	err = r.Scan(&c.ID, &c.Person.Phone, &c.Person.LID, &c.Name, &c.PushName, lenient{&c.Tags, &tags}, customFields{&c.Custom, &custom},
		&c.Entered, instant{&c.CreatedAt}, instant{&c.UpdatedAt})
	for _, damage := range []error{tags, custom} {
		if damage != nil {
			s.unreadable("what was noted of a contact", damage, zap.String("contact", string(c.ID)))
		}
	}
	return c, err
}

// customFields reads numbers as they were written.
type customFields struct {
	fields *map[string]any
	damage *error
}

// Scan implements sql.Scanner.
func (f customFields) Scan(src any) error {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("stored fields are a %T", src)
	}
	if text == "" {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	*f.damage = d.Decode(f.fields)
	return nil
}

// insertContact fills in the id and the times, and tells of the contact.
func (s *Store) insertContact(tx *sql.Tx, tenant engine.TenantID, c *Contact, session engine.SessionID) (queued int64, err error) {
	c.ID, c.CreatedAt = ContactID(uuid.NewString()), s.clock().UTC().Truncate(time.Millisecond)
	c.UpdatedAt = c.CreatedAt
	_, err = tx.Exec(`INSERT INTO contacts (id, tenant_id, phone, lid, name, push_name, tags, custom, entered, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		c.ID, tenant, c.Person.Phone, c.Person.LID, c.Name, c.PushName, document{&c.Tags}, document{&c.Custom}, c.Entered,
		millis(c.CreatedAt), millis(c.UpdatedAt))
	if err != nil {
		return 0, err
	}
	return s.tellContact(tx, tenant, *c, engine.ContactNew, session)
}

const updateContact = `UPDATE contacts SET phone = $1, lid = $2, name = $3, push_name = $4, tags = $5, custom = $6, entered = $7,
	updated_at = $8 WHERE tenant_id = $9 AND id = $10`

func (s *Store) saveContact(tx *sql.Tx, tenant engine.TenantID, c Contact) error {
	_, err := tx.Exec(updateContact, c.Person.Phone, c.Person.LID, c.Name, c.PushName, document{&c.Tags}, document{&c.Custom},
		c.Entered, millis(c.UpdatedAt), tenant, c.ID)
	return err
}

// tellContact appends the event of a change.
func (s *Store) tellContact(tx *sql.Tx, tenant engine.TenantID, c Contact, action string, session engine.SessionID) (queued int64, err error) {
	data, err := engine.Canonical(engine.ContactData{
		ID: string(c.ID), Action: action, Phone: c.Person.Phone.User(), LID: c.Person.LID, Name: c.Name, PushName: c.PushName,
		At: c.UpdatedAt.UnixMilli(),
	})
	if err != nil {
		return 0, err
	}
	return s.appendEvent(tx, engine.Event{
		Session: engine.SessionKey{Tenant: tenant, ID: session}, Type: engine.EventContact, At: c.UpdatedAt, Data: data,
	})
}
