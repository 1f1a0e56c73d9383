package media

import (
	"encoding/binary"
	"io"
	"time"
)

// movie is what the index of an MP4 file, or one of its family, tells.
type movie struct {
	duration      time.Duration
	width, height int // of the first track that has a size, as shown
}

// mostBoxes bounds how many boxes are looked at.
const mostBoxes = 4096

// scanMP4 reads the movie box (ISO/IEC 14496-12, 8.2): the duration of the whole
// and the size of the picture. Boxes of no interest, such as the media data, are
// stepped over unread. What is malformed counts as unknown.
func scanMP4(r io.ReaderAt, size int64) movie {
	var m movie
	budget := mostBoxes
	walk(r, 0, size, &budget, func(kind string, at, end int64) {
		if kind == "moov" {
			walk(r, at, end, &budget, func(kind string, at, end int64) {
				switch kind {
				case "mvhd":
					m.duration = movieDuration(r, at, end)
				case "trak":
					walk(r, at, end, &budget, func(kind string, at, end int64) {
						if kind == "tkhd" && m.width == 0 {
							m.width, m.height = trackSize(r, at, end)
						}
					})
				}
			})
		}
	})
	return m
}

// walk calls visit with the content of each box between at and end.
func walk(r io.ReaderAt, at, end int64, budget *int, visit func(kind string, at, end int64)) {
	for at+8 <= end && *budget > 0 {
		*budget--
		var b [16]byte
		if _, err := r.ReadAt(b[:8], at); err != nil {
			return
		}
		length, content := int64(binary.BigEndian.Uint32(b[:])), at+8
		switch length {
		case 0: // up to the end
			length = end - at
		case 1: // a long length follows
			if _, err := r.ReadAt(b[8:], at+8); err != nil {
				return
			}
			long := binary.BigEndian.Uint64(b[8:])
			if long > uint64(end) {
				return
			}
			length, content = int64(long), at+16
		}
		if length < content-at || length > end-at {
			return
		}
		visit(string(b[4:8]), content, at+length)
		at += length
	}
}

// movieDuration reads the movie header box (8.2.2).
func movieDuration(r io.ReaderAt, at, end int64) time.Duration {
	var b [32]byte
	n := min(int64(len(b)), end-at)
	if _, err := r.ReadAt(b[:n], at); err != nil {
		return 0
	}
	var scale, units uint64
	switch {
	case b[0] == 0 && n >= 20:
		scale, units = uint64(binary.BigEndian.Uint32(b[12:])), uint64(binary.BigEndian.Uint32(b[16:]))
	case b[0] == 1 && n >= 32:
		scale, units = uint64(binary.BigEndian.Uint32(b[20:])), binary.BigEndian.Uint64(b[24:])
	}
	if scale == 0 || units/scale > uint64(longestSound/time.Second) {
		return 0
	}
	return time.Duration(float64(units) / float64(scale) * float64(time.Second)).Round(time.Millisecond)
}

// trackSize reads the track header box (8.3.2): width and height are 16.16 fixed
// point numbers at its end, behind a matrix that may turn the picture by 90°.
func trackSize(r io.ReaderAt, at, end int64) (width, height int) {
	const matrixAndSize = 44
	if end-at < matrixAndSize+32 {
		return 0, 0
	}
	var b [matrixAndSize]byte
	if _, err := r.ReadAt(b[:], end-matrixAndSize); err != nil {
		return 0, 0
	}
	width = int(binary.BigEndian.Uint32(b[36:]) >> 16)
	height = int(binary.BigEndian.Uint32(b[40:]) >> 16)
	if a, turned := binary.BigEndian.Uint32(b[0:]), binary.BigEndian.Uint32(b[4:]); a == 0 && turned != 0 {
		width, height = height, width
	}
	return width, height
}
