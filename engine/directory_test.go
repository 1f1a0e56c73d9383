package engine

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"
)

// paperDirectory knows some numbers and counts what it is asked.
type paperDirectory struct {
	Directory
	present map[string]bool
	asked   [][]string
	fail    error
}

func (d *paperDirectory) Check(_ context.Context, phones []string) ([]Registration, error) {
	d.asked = append(d.asked, phones)
	if d.fail != nil {
		return nil, d.fail
	}
	list := make([]Registration, len(phones))
	for i, phone := range phones {
		list[i] = Registration{Phone: phone, OnWhatsApp: d.present[phone]}
		if d.present[phone] {
			list[i].Person = Person{Phone: JID(phone + "@" + ServerPhone)}
		}
	}
	return list, nil
}

func manyNumbers(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("4915100%06d", i)
	}
	return list
}

func TestNumbersAreAskedForOnce(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	n, d := newNumbers(0), &paperDirectory{present: map[string]bool{"4915100000001": true}}
	mine, other := SessionKey{"t", "a"}, SessionKey{"u", "a"}
	for i, c := range []struct {
		after  time.Duration
		key    SessionKey
		phones []string
		asked  []string
	}{
		{0, mine, []string{"4915100000001", "4915100000002", "4915100000001"}, []string{"4915100000001", "4915100000002"}},
		{0, mine, []string{"4915100000002", "4915100000001"}, nil},
		{0, other, []string{"4915100000001"}, []string{"4915100000001"}},
		{keepAbsent - time.Second, mine, []string{"4915100000001", "4915100000002"}, nil},
		{time.Second, mine, []string{"4915100000001", "4915100000002"}, []string{"4915100000002"}},
		{keepPresent - keepAbsent - time.Second, mine, []string{"4915100000001"}, nil},
		{time.Second, mine, []string{"4915100000001"}, []string{"4915100000001"}},
	} {
		now, d.asked = now.Add(c.after), nil
		got, err := n.check(t.Context(), d, c.key, c.phones, now)
		if err != nil || len(got) != len(c.phones) {
			t.Fatalf("%d: %+v (%v)", i, got, err)
		}
		for j, phone := range c.phones {
			if got[j].Phone != phone || got[j].OnWhatsApp != d.present[phone] {
				t.Errorf("%d: %s is told as %+v", i, phone, got[j])
			}
		}
		var want [][]string
		if c.asked != nil {
			want = [][]string{c.asked}
		}
		if !reflect.DeepEqual(d.asked, want) {
			t.Errorf("%d: the network is asked for %v, want %v", i, d.asked, want)
		}
	}
}

func TestNumbersAreThrottled(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	n, d, key := newNumbers(60), &paperDirectory{}, SessionKey{"t", "a"} // one a second
	all := manyNumbers(2 * MaxCheck)
	check := func(phones []string) error {
		_, err := n.check(t.Context(), d, key, phones, now)
		return err
	}
	if err := check(all[:MaxCheck]); err != nil {
		t.Fatal(err)
	}
	var limited *Error
	if err := check(all[MaxCheck : MaxCheck+30]); !errors.As(err, &limited) || limited.Code != CodeRateLimited || limited.RetryAfter != 30*time.Second {
		t.Fatalf("over the limit: %v, retry after %v", err, limited)
	}
	if err := check(all[:MaxCheck]); err != nil {
		t.Errorf("what is known costs nothing, and yet: %v", err)
	}
	if _, err := n.check(t.Context(), d, SessionKey{"t", "b"}, all[:30], now); err != nil {
		t.Errorf("another session pays for this one: %v", err)
	}
	now = now.Add(30 * time.Second)
	if err := check(all[MaxCheck : MaxCheck+30]); err != nil {
		t.Errorf("after the time that was told: %v", err)
	}
	if len(d.asked) != 3 {
		t.Errorf("the network was asked %d times, want 3", len(d.asked))
	}
	if err := check(manyNumbers(MaxCheck + 1)); CodeOf(err) != CodeInvalid {
		t.Errorf("more than can be asked at once: %v", err)
	}
}

// TestNumbersNotAskedCostNothing: a question that did not get out is not counted,
// one that may have is.
func TestNumbersNotAskedCostNothing(t *testing.T) {
	now, key := time.Unix(1_700_000_000, 0), SessionKey{"t", "a"}
	for code, want := range map[Code]Code{CodeSessionNotReady: "", CodeNotSupported: "", CodeNetworkRefused: CodeRateLimited} {
		n, d := newNumbers(1), &paperDirectory{fail: Errorf(code, "no")}
		if _, err := n.check(t.Context(), d, key, manyNumbers(MaxCheck), now); CodeOf(err) != code {
			t.Fatalf("failed with %v, want %s", err, code)
		}
		d.fail = nil
		if _, err := n.check(t.Context(), d, key, manyNumbers(MaxCheck), now); CodeOf(err) != want {
			t.Errorf("after %s: %v, want %q", code, err, want)
		}
	}
}
