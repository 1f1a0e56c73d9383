package media

import (
	"math"
	"os"
	"testing"

	"wapid/engine"
)

// TestLosslessWebPCostsItsTables keeps pictures of a few pixels, whose tables may
// take a hundred megabytes, from being decoded side by side.
func TestLosslessWebPCostsItsTables(t *testing.T) {
	s := openSpool(t)
	cost := func(raw []byte, mime string) int64 {
		t.Helper()
		in, err := os.Open(take(t, s, raw).Path)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		p, err := lookAt(in, mime)
		if err != nil {
			t.Fatal(err)
		}
		return p.cost
	}
	small := halves(4, 4)
	if c := cost(asWebP(t, small), typeWebP); 2*c <= pixelBudget || c > pixelBudget {
		t.Errorf("a small WebP costs %d", c)
	}
	if c := cost(asPNG(t, small), typePNG); c > 1000 {
		t.Errorf("a small PNG costs %d", c)
	}
}

// TestSpoolLeavesRoom fills no disk: it asks for more room than there can be.
func TestSpoolLeavesRoom(t *testing.T) {
	s := openSpool(t)
	w, err := s.Create(1 << 30)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	if _, err := w.Write(make([]byte, recheck-1)); err != nil {
		t.Fatal(err)
	}
	s.reserve = math.MaxUint64 // others have filled the disk
	if _, err := w.Write([]byte{1}); engine.CodeOf(err) != engine.CodeStorage {
		t.Errorf("a file that grows: %v", err)
	}
	if _, err := s.Create(1); engine.CodeOf(err) != engine.CodeStorage {
		t.Errorf("a file to write: %v", err)
	}
	if _, err := s.Empty(); engine.CodeOf(err) != engine.CodeStorage {
		t.Errorf("an empty file: %v", err)
	}
}
