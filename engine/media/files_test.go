package media

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"
	"time"

	"github.com/HugoSmits86/nativewebp"
)

// halves is a picture that is red on the left and blue on the right.
func halves(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.NRGBA{R: 255, A: 255}
			if x >= w/2 {
				c = color.NRGBA{B: 255, A: 255}
			}
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

func asJPEG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asPNG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asGIF(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gif.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asWebP(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := nativewebp.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// animatedWebP is the extended header of an animation of a size; nobody looks further.
func animatedWebP(w, h int) []byte {
	b := append([]byte("RIFF\x00\x00\x00\x00WEBPVP8X"), 10, 0, 0, 0, 1<<1, 0, 0, 0)
	b = append(b, byte(w-1), byte((w-1)>>8), byte((w-1)>>16), byte(h-1), byte((h-1)>>8), byte((h-1)>>16))
	b = append(b, make([]byte, 64)...)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

// turned puts an Exif segment in front of a JPEG's own segments.
func turned(b []byte, o byte) []byte {
	exif := append([]byte("Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00"), o, 0, 0, 0, 0, 0, 0)
	segment := binary.BigEndian.AppendUint16([]byte{0xff, markerAPP1}, uint16(len(exif)+2))
	return append(append(append([]byte{}, b[:2]...), append(segment, exif...)...), b[2:]...)
}

// ogg makes a page of a stream; its checksum is left out, as nobody here checks it.
func oggPage(serial uint32, position uint64, packet []byte) []byte {
	b := append([]byte("OggS\x00\x00"), make([]byte, 20)...)
	binary.LittleEndian.PutUint64(b[6:], position)
	binary.LittleEndian.PutUint32(b[14:], serial)
	b = append(b, byte(len(packet)/255+1))
	for range len(packet) / 255 {
		b = append(b, 255)
	}
	b = append(b, byte(len(packet)%255))
	return append(b, packet...)
}

// opus is an Ogg/Opus file of a length, with silence in it.
func opus(d time.Duration) []byte {
	const skip = 312
	header := append([]byte("OpusHead\x01\x01"), byte(skip&0xff), byte(skip>>8), 0x80, 0x3e, 0, 0, 0, 0, 0)
	b := oggPage(7, 0, header)
	b = append(b, oggPage(7, 0, []byte("OpusTags\x00\x00\x00\x00\x00\x00\x00\x00"))...)
	b = append(b, oggPage(7, oggNoPosition, make([]byte, 200))...)
	return append(b, oggPage(7, skip+uint64(d.Seconds()*opusRate), make([]byte, 100))...)
}

func box(kind string, content ...[]byte) []byte {
	body := bytes.Join(content, nil)
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)+8))
	return append(append(b, kind...), body...)
}

// mp4 is an MP4 file of a length and size, turned by 90° if asked; w 0 is a file without picture.
func mp4(brand string, d time.Duration, w, h int, turn bool) []byte {
	mvhd := make([]byte, 100)
	binary.BigEndian.PutUint32(mvhd[12:], 1000)
	binary.BigEndian.PutUint32(mvhd[16:], uint32(d.Milliseconds()))
	tkhd := make([]byte, 84)
	matrix := tkhd[40:]
	binary.BigEndian.PutUint32(matrix[0:], 1<<16)
	if turn {
		binary.BigEndian.PutUint32(matrix[0:], 0)
		binary.BigEndian.PutUint32(matrix[4:], 1<<16)
	}
	binary.BigEndian.PutUint32(tkhd[76:], uint32(w)<<16)
	binary.BigEndian.PutUint32(tkhd[80:], uint32(h)<<16)
	sound := box("trak", box("tkhd", make([]byte, 84)))
	return bytes.Join([][]byte{
		box("ftyp", []byte(brand+"\x00\x00\x02\x00"+brand+"mp41")),
		box("mdat", make([]byte, 5000)),
		box("moov", box("mvhd", mvhd), sound, box("trak", box("tkhd", tkhd))),
	}, nil)
}

// bombPNG is a PNG whose head says 60000 by 60000 pixels.
func bombPNG(t *testing.T) []byte {
	b := asPNG(t, halves(4, 4))
	binary.BigEndian.PutUint32(b[16:], 60000)
	binary.BigEndian.PutUint32(b[20:], 60000)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

func bombGIF() []byte {
	return []byte("GIF89a\x60\xea\x60\xea\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x60\xea\x60\xea\x00\x02\x02D\x01\x00;")
}
