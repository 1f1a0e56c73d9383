package whatsapp

import (
	"fmt"
	"testing"
)

// TestMemoryStaysWithinItsLimit: the least used gives way, and the size is right
// after every way that rows can go.
func TestMemoryStaysWithinItsLimit(t *testing.T) {
	const value = 1000
	m := newMemory(10 * (entryOverhead + value + 1))
	name := func(i int) row { return row{rowSession, fmt.Sprint(i)} }
	for i := range 10 {
		m.put("a", name(i), make([]byte, value))
	}
	m.get("a", name(0))
	m.put("b", name(1), make([]byte, value))
	if _, ok := m.get("a", name(1)); ok {
		t.Error("what was used least is still there")
	}
	if _, ok := m.get("a", name(0)); !ok {
		t.Error("what was used last is gone")
	}
	m.put("a", name(0), nil)
	if value, ok := m.get("a", name(0)); !ok || value != nil {
		t.Errorf("a row that does not exist is %v, known %v", value, ok)
	}
	m.forget("a", name(0))
	m.forget("a", name(77))
	m.forgetPrefix("a", "2")
	m.forgetKind("b", rowSession)
	m.forgetKind("b", rowToken)
	for i := range 10 {
		_, ok := m.get("a", name(i))
		if want := i > 2; ok != want {
			t.Errorf("row %d is there: %v", i, ok)
		}
	}
	m.forgetDevice("a")
	if m.size != 0 || len(m.devices) != 0 || m.recent.Len() != 0 {
		t.Errorf("%d bytes, %d devices, %d rows are left", m.size, len(m.devices), m.recent.Len())
	}
	m.put("a", name(1), make([]byte, 2*m.limit)) // does not fit at all
	if m.size != 0 {
		t.Errorf("%d bytes are left", m.size)
	}
}
