package media

import (
	"bytes"
	"encoding/binary"
	"io"
	"time"
)

// Facts of Ogg pages (RFC 3533, section 6) and of Opus in them (RFC 7845).
const (
	oggMagic      = "OggS"
	oggPageHead   = 27
	oggMostPage   = 65307 // bytes
	opusMagic     = "OpusHead"
	opusRate      = 48000 // of the granule position, whatever the input's rate was
	longestSound  = 24 * time.Hour
	oggNoPosition = ^uint64(0)
)

// opusDuration tells how long an Ogg/Opus file lasts, by the position that its
// last page ends at. ok is false if the file is not Ogg/Opus; an unknown duration
// is 0.
func opusDuration(r io.ReaderAt, size int64) (d time.Duration, ok bool) {
	b, err := head(r, 512)
	if err != nil || len(b) < oggPageHead || string(b[:4]) != oggMagic {
		return 0, false
	}
	packet := oggPageHead + int(b[26]) // the lacing values come before it
	if len(b) < packet+19 || string(b[packet:packet+8]) != opusMagic {
		return 0, false
	}
	serial := b[14:18]
	skip := uint64(binary.LittleEndian.Uint16(b[packet+10:]))
	last := lastPosition(r, size, serial)
	if last == oggNoPosition || last < skip || last-skip > uint64(longestSound/time.Second)*opusRate {
		return 0, true
	}
	return time.Duration(last-skip) * time.Second / opusRate, true
}

// lastPosition finds the last page of a stream that ends a packet.
func lastPosition(r io.ReaderAt, size int64, serial []byte) uint64 {
	const window = 2 * oggMostPage
	start := max(0, size-window)
	tail, err := io.ReadAll(io.NewSectionReader(r, start, size-start))
	if err != nil {
		return oggNoPosition
	}
	for end := len(tail); ; {
		at := bytes.LastIndex(tail[:end], []byte(oggMagic))
		if at < 0 {
			return oggNoPosition
		}
		if at+oggPageHead <= len(tail) && bytes.Equal(tail[at+14:at+18], serial) {
			if p := binary.LittleEndian.Uint64(tail[at+6:]); p != oggNoPosition {
				return p
			}
		}
		end = at
	}
}
