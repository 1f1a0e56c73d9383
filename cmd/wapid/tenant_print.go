package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// shownTenant is what the commands print of a tenant.
type shownTenant struct {
	TenantID, APIKey, Name, Status, TimeZone     string
	DailyLimit, MaxSessions, RateLimit, Sessions *int
	RetentionDays                                *int
	Usage                                        *shownDay
	CreatedAt                                    string
}

type shownDay struct {
	Day   string
	Sent  int
	Limit *int
}

type shownKey struct {
	KeyID, APIKey, Name, Scope, Prefix, ExpiresAt, LastUsedAt, CreatedAt string
	Main                                                                 bool
	Sessions                                                             []string
}

func printTenant(w io.Writer, raw []byte) error {
	var t shownTenant
	if err := json.Unmarshal(raw, &t); err != nil {
		return err
	}
	table := newTable(w)
	for _, line := range [][2]string{
		{"Tenant", t.TenantID}, {"Name", t.Name}, {"Status", t.Status},
		{"Messages a day", orWord(t.DailyLimit, "no limit")}, {"Sessions at most", orWord(t.MaxSessions, "no limit")},
		{"Requests a minute", orWord(t.RateLimit, "the daemon's default")}, {"Time zone", t.TimeZone},
		{"Kept for days", orWord(t.RetentionDays, "ever")}, {"Created", t.CreatedAt},
	} {
		fmt.Fprintf(table, "%s\t%s\n", line[0], line[1])
	}
	if t.Sessions != nil && t.Usage != nil {
		fmt.Fprintf(table, "Sessions\t%d\nSent on %s\t%d\n", *t.Sessions, t.Usage.Day, t.Usage.Sent)
	}
	return table.Flush()
}

func printNewTenant(w io.Writer, raw []byte) error {
	if err := printTenant(w, raw); err != nil {
		return err
	}
	return printNewKey(w, raw)
}

func printTenants(w io.Writer, raw []byte) error {
	var list struct{ Tenants []shownTenant }
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	table := newTable(w)
	fmt.Fprintln(table, "TENANT\tNAME\tSTATUS\tA DAY\tSESSIONS\tTIME ZONE")
	for _, t := range list.Tenants {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", t.TenantID, t.Name, t.Status, orWord(t.DailyLimit, "-"), orWord(t.MaxSessions, "-"), t.TimeZone)
	}
	return table.Flush()
}

func printErasure(w io.Writer, raw []byte) error {
	var t shownTenant
	if err := json.Unmarshal(raw, &t); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s: %s\n", t.TenantID, t.Status)
	return err
}

func printKeys(w io.Writer, raw []byte) error {
	var list struct{ Keys []shownKey }
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	table := newTable(w)
	fmt.Fprintln(table, "KEY\tNAME\tSCOPE\tSESSIONS\tBEGINS WITH\tLAST USED\tEXPIRES")
	for _, k := range list.Keys {
		name := k.Name
		if k.Main {
			name += " (main)"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.KeyID, name, k.Scope, orText(strings.Join(k.Sessions, ","), "all"),
			orText(k.Prefix, "-"), orText(k.LastUsedAt, "never"), orText(k.ExpiresAt, "never"))
	}
	return table.Flush()
}

func printNewKey(w io.Writer, raw []byte) error {
	var k shownKey
	if err := json.Unmarshal(raw, &k); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "API key (shown this once): %s\n", k.APIKey)
	return err
}

func printKeyGone(w io.Writer, _ []byte) error {
	_, err := fmt.Fprintln(w, "the key is not valid any more")
	return err
}

func printUsage(w io.Writer, raw []byte) error {
	var usage struct {
		Days  []shownDay
		Total int
	}
	if err := json.Unmarshal(raw, &usage); err != nil {
		return err
	}
	table := newTable(w)
	fmt.Fprintln(table, "DAY\tSENT\tLIMIT")
	for _, d := range usage.Days {
		if d.Sent > 0 {
			fmt.Fprintf(table, "%s\t%d\t%s\n", d.Day, d.Sent, orWord(d.Limit, "-"))
		}
	}
	fmt.Fprintf(table, "all\t%d\t\n", usage.Total)
	return table.Flush()
}

func printLoginLink(w io.Writer, raw []byte) error {
	var link struct{ URL string }
	if err := json.Unmarshal(raw, &link); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, link.URL)
	return err
}

func printTotalUsage(w io.Writer, raw []byte) error {
	var usage struct {
		Tenants []struct {
			TenantID string
			Sent     int
		}
		Total int
	}
	if err := json.Unmarshal(raw, &usage); err != nil {
		return err
	}
	table := newTable(w)
	fmt.Fprintln(table, "TENANT\tSENT")
	for _, t := range usage.Tenants {
		fmt.Fprintf(table, "%s\t%d\n", t.TenantID, t.Sent)
	}
	fmt.Fprintf(table, "all\t%d\n", usage.Total)
	return table.Flush()
}

func newTable(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

// orWord is a number, or a word for none.
func orWord(n *int, none string) string {
	if n == nil {
		return none
	}
	return strconv.Itoa(*n)
}

func orText(text, none string) string {
	if text == "" {
		return none
	}
	return text
}
