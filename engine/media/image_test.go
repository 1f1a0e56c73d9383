package media

import (
	"bytes"
	"image"
	"image/jpeg"
	"testing"
)

// BenchmarkThumbnail makes the thumbnail of a photograph that is decoded already.
func BenchmarkThumbnail(b *testing.B) {
	var file bytes.Buffer
	if err := jpeg.Encode(&file, halves(640, 480), nil); err != nil {
		b.Fatal(err)
	}
	img, _, err := image.Decode(&file)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := thumbnail(img, 6); err != nil {
			b.Fatal(err)
		}
	}
}
