package httpapi

import (
	"errors"
	"fmt"
	"testing"
)

func TestPicturesAreDrawnOnce(t *testing.T) {
	drawn := map[string]int{}
	p := newPictures(2, func(text string) (string, error) {
		drawn[text]++
		return "picture of " + text, nil
	})
	for range 3 {
		if got, err := p.draw("a"); err != nil || got != "picture of a" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	if drawn["a"] != 1 {
		t.Errorf("drawn %d times", drawn["a"])
	}
}

func TestPicturesAreBounded(t *testing.T) {
	drawn := map[string]int{}
	p := newPictures(10, func(text string) (string, error) {
		drawn[text]++
		return text, nil
	})
	for i := range 1000 {
		for _, text := range []string{fmt.Sprint(i), "polled"} {
			if _, err := p.draw(text); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(p.younger) + len(p.older); n > 20 {
			t.Fatalf("%d pictures are kept", n)
		}
	}
	if drawn["polled"] != 1 {
		t.Errorf("a code that is asked for all the time was drawn %d times", drawn["polled"])
	}
	if _, err := p.draw("0"); err != nil || drawn["0"] != 2 {
		t.Errorf("the oldest code was kept: drawn %d times, %v", drawn["0"], err)
	}
}

func TestPicturesDoNotKeepFailures(t *testing.T) {
	fail := errors.New("too long")
	p := newPictures(10, func(text string) (string, error) { return text, fail })
	if _, err := p.draw("a"); !errors.Is(err, fail) {
		t.Fatalf("got %v", err)
	}
	fail = nil
	if got, err := p.draw("a"); err != nil || got != "a" {
		t.Errorf("got %q, %v", got, err)
	}
}
