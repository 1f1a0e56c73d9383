package whatsapp

import (
	"encoding/binary"
	"errors"
	"math"
)

// errCutRow says that a row ends too early, goes on behind its end, or holds a
// number that can't be.
var errCutRow = errors.New("the row is damaged")

func appendNumber(b []byte, n uint32) []byte { return binary.AppendUvarint(b, uint64(n)) }

func appendInt(b []byte, n int) []byte { return binary.AppendVarint(b, int64(n)) }

func appendBool(b []byte, yes bool) []byte {
	if yes {
		return append(b, 1)
	}
	return append(b, 0)
}

// appendCount begins a list, or says that there is none.
func appendCount(b []byte, n int, none bool) []byte {
	if none {
		return append(b, 0)
	}
	return binary.AppendUvarint(b, uint64(n)+1)
}

func appendBytes(b, value []byte) []byte {
	return append(appendCount(b, len(value), value == nil), value...)
}

// rowReader reads what the functions above have written. Behind the first thing that
// can't be read it finds only zeros; end tells.
type rowReader struct {
	left    []byte
	damaged bool
}

// end returns errCutRow if the row was not what was read from it.
func (r *rowReader) end() error {
	if r.damaged || len(r.left) > 0 {
		return errCutRow
	}
	return nil
}

func (r *rowReader) fail() {
	r.damaged, r.left = true, nil
}

func (r *rowReader) uvarint() uint64 {
	n, size := binary.Uvarint(r.left)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.left = r.left[size:]
	return n
}

func (r *rowReader) number() uint32 {
	n := r.uvarint()
	if n > math.MaxUint32 {
		r.fail()
		return 0
	}
	return uint32(n)
}

func (r *rowReader) int() int {
	n, size := binary.Varint(r.left)
	if size <= 0 || n != int64(int(n)) {
		r.fail()
		return 0
	}
	r.left = r.left[size:]
	return int(n)
}

func (r *rowReader) bool() bool {
	n := r.uvarint()
	if n > 1 {
		r.fail()
	}
	return n == 1
}

// count reads the length of a list whose members take at least so many bytes each,
// and whether there is a list.
func (r *rowReader) count(shortest int) (n int, some bool) {
	size := r.uvarint()
	if size == 0 {
		return 0, false
	}
	if size-1 > uint64(len(r.left)/shortest) {
		r.fail()
		return 0, false
	}
	return int(size - 1), true
}

// bytes returns a part of the row, which has no room to grow.
func (r *rowReader) bytes() []byte {
	n, some := r.count(1)
	if !some {
		return nil
	}
	value := r.left[:n:n]
	r.left = r.left[n:]
	return value
}
