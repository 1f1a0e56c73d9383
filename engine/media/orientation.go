package media

import (
	"bufio"
	"encoding/binary"
	"image"
	"io"
)

// maxSegments is how far into a picture its head is looked for, in bytes: cameras
// put previews and colour profiles in front of it.
const maxSegments = 4 << 20

// orientation is how a picture must be turned to be shown, as Exif numbers it
// (CIPA DC-008, tag 0x0112): 1 or 0 is upright, 2 to 4 are mirrored or turned by
// 180°, and from 5 on width and height change places.
type orientation uint16

// size is the size of the picture as it is shown.
func (o orientation) size(w, h int) (int, int) {
	if o >= 5 && o <= 8 {
		return h, w
	}
	return w, h
}

// apply turns a picture upright.
func (o orientation) apply(in *image.RGBA) *image.RGBA {
	if o < 2 || o > 8 {
		return in
	}
	w, h := in.Bounds().Dx(), in.Bounds().Dy()
	outW, outH := o.size(w, h)
	out := image.NewRGBA(image.Rect(0, 0, outW, outH))
	for y := range outH {
		for x := range outW {
			fromX, fromY := o.source(x, y, w, h)
			out.SetRGBA(x, y, in.RGBAAt(fromX, fromY))
		}
	}
	return out
}

// source is where the pixel that is shown at x, y stands in a picture of w by h.
func (o orientation) source(x, y, w, h int) (int, int) {
	switch o {
	case 2:
		return w - 1 - x, y
	case 3:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6:
		return y, h - 1 - x
	case 7:
		return w - 1 - y, h - 1 - x
	case 8:
		return w - 1 - y, x
	}
	return x, y
}

// Markers of JPEG (ITU T.81, table B.1).
const (
	markerSOF2 = 0xc2
	markerAPP1 = 0xe1
	markerSOS  = 0xda
	markerEOI  = 0xd9
)

// scanJPEG walks over the segments before the pixels for the picture's
// orientation, and whether it is progressive. What is malformed is left to the
// decoder to refuse.
func scanJPEG(in io.Reader) (turn orientation, progressive bool) {
	r := bufio.NewReader(in)
	if _, err := r.Discard(2); err != nil { // start of image
		return 0, false
	}
	for {
		marker, err := nextMarker(r)
		if err != nil || marker == markerSOS || marker == markerEOI {
			return turn, progressive
		}
		if marker == 0x01 || marker >= 0xd0 && marker <= 0xd8 { // they stand alone
			continue
		}
		var length uint16
		if err := binary.Read(r, binary.BigEndian, &length); err != nil || length < 2 {
			return turn, progressive
		}
		body := int(length) - 2
		switch {
		case marker == markerSOF2:
			progressive = true
		case marker == markerAPP1 && turn == 0:
			segment := make([]byte, body)
			if _, err := io.ReadFull(r, segment); err != nil {
				return turn, progressive
			}
			turn = exifOrientation(segment)
			continue
		}
		if _, err := r.Discard(body); err != nil {
			return turn, progressive
		}
	}
}

// nextMarker skips to the next byte behind a 0xff that is a marker.
func nextMarker(r *bufio.Reader) (byte, error) {
	previous := byte(0)
	for {
		b, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		if previous == 0xff && b != 0xff && b != 0 {
			return b, nil
		}
		previous = b
	}
}

// exifOrientation reads the orientation from an APP1 segment, 0 if it has none.
func exifOrientation(segment []byte) orientation {
	const header = "Exif\x00\x00"
	if len(segment) < len(header)+8 || string(segment[:len(header)]) != header {
		return 0
	}
	tiff := segment[len(header):]
	var order binary.ByteOrder = binary.LittleEndian
	if string(tiff[:2]) == "MM" {
		order = binary.BigEndian
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 0
	}
	entries := int64(order.Uint16(tiff[at:]))
	for i := range entries {
		const entrySize, tag, short = 12, 0x0112, 3
		entry := at + 2 + i*entrySize
		if entry+entrySize > int64(len(tiff)) {
			return 0
		}
		if order.Uint16(tiff[entry:]) == tag && order.Uint16(tiff[entry+2:]) == short {
			if o := orientation(order.Uint16(tiff[entry+8:])); o >= 1 && o <= 8 {
				return o
			}
			return 0
		}
	}
	return 0
}
