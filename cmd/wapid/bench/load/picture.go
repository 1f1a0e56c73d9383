package load

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"slices"
	"sync"
)

// pictureSize is about how long a picture is, in bytes.
const pictureSize = 100_000

// Picture is the n-th photograph-like JPEG of about 100 kB. No two are the same, so that
// each has to be uploaded; what differs stands behind the picture itself.
func Picture(n int) []byte {
	return binary.BigEndian.AppendUint64(slices.Clone(picture()), uint64(n))
}

var picture = sync.OnceValue(func() []byte {
	noise := rand.New(rand.NewPCG(1, 2))
	img := image.NewRGBA(image.Rect(0, 0, 640, 480))
	for y := range 480 {
		for x := range 640 {
			v := uint8(noise.IntN(64))
			img.Set(x, y, color.RGBA{uint8(x/4) + v, uint8(y/3) + v, v, 255})
		}
	}
	var out bytes.Buffer
	for quality := 95; quality > 20; quality -= 5 {
		out.Reset()
		_ = jpeg.Encode(&out, img, &jpeg.Options{Quality: quality}) // writing to memory does not fail
		if out.Len() <= pictureSize*11/10 {
			break
		}
	}
	return out.Bytes()
})
