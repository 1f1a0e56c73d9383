package media

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"
)

const (
	// thumbnailSide is the longer side of a thumbnail in pixels, as WhatsApp's own are small.
	thumbnailSide    = 100
	thumbnailQuality = 60
	// pixelBudget is how many bytes all pictures that are being decoded may take
	// together. One that would take more gets no thumbnail.
	pixelBudget = 128 << 20
	// losslessTables is what the Huffman tables of lossless WebP may take, in bytes,
	// however small the picture is: 2600 groups of five.
	losslessTables = 112 << 20
	// mostSide is the longest side that a picture may have: JPEG and WebP end there or before.
	mostSide = 65535
)

// Types of pictures that can be looked into.
const (
	typeJPEG = "image/jpeg"
	typePNG  = "image/png"
	typeGIF  = "image/gif"
	typeWebP = "image/webp"
)

// errBroken is what is said of a picture that its own format's decoder refuses.
func errBroken() error { return errInvalid("the file is not a readable picture") }

// picture is what a picture's head tells.
type picture struct {
	width, height int // as shown, after turning
	turn          orientation
	animated      bool
	cost          int64 // bytes that decoding takes, at most
}

// lookAt reads the head of a picture, and none of its pixels.
func lookAt(f *os.File, mime string) (picture, error) {
	var config image.Config
	var p picture
	var err error
	perPixel, tables := int64(8), int64(0)
	switch mime {
	case typeJPEG:
		var progressive bool
		p.turn, progressive = scanJPEG(io.NewSectionReader(f, 0, maxSegments))
		config, err = jpeg.DecodeConfig(io.NewSectionReader(f, 0, maxSegments))
		if perPixel = 4; progressive {
			perPixel = 20 // all coefficients of all components, 4 bytes each, with the picture
		}
	case typePNG:
		config, err = png.DecodeConfig(io.NewSectionReader(f, 0, maxSegments))
		if err == nil && (config.ColorModel == color.RGBA64Model || config.ColorModel == color.NRGBA64Model) {
			perPixel = 16
		}
	case typeGIF:
		config, err = gif.DecodeConfig(io.NewSectionReader(f, 0, maxSegments))
	case typeWebP:
		var lossless bool
		config.Width, config.Height, p.animated, lossless, err = scanWebP(f)
		if lossless {
			tables = losslessTables
		}
	default:
		return p, errBroken()
	}
	if err != nil || config.Width <= 0 || config.Height <= 0 || config.Width > mostSide || config.Height > mostSide {
		return p, errBroken()
	}
	p.width, p.height = p.turn.size(config.Width, config.Height)
	p.cost = perPixel * int64(config.Width) * int64(config.Height)
	if p.cost < pixelBudget { // else it is too heavy without them
		p.cost = min(p.cost+tables, pixelBudget)
	}
	return p, nil
}

// errHeavy tells that a picture has too many pixels to be decoded.
var errHeavy = errors.New("too many pixels")

// decode reads the pixels once there is memory for them; release gives that back
// and must be called once the picture is no longer used. The budget is the
// guard against small files that unpack to large pictures.
func (s *Spool) decode(ctx context.Context, f *os.File, mime string, p picture) (img image.Image, release func(), err error) {
	if p.cost > pixelBudget {
		return nil, nil, errHeavy
	}
	if err := s.pixels.Acquire(ctx, p.cost); err != nil {
		return nil, nil, context.Cause(ctx)
	}
	release = func() { s.pixels.Release(p.cost) }
	if _, err = f.Seek(0, io.SeekStart); err == nil {
		switch mime {
		case typeJPEG:
			img, err = jpeg.Decode(f)
		case typePNG:
			img, err = png.Decode(f)
		case typeGIF:
			img, err = gif.Decode(f)
		case typeWebP:
			img, err = webp.Decode(f)
		}
	}
	if err != nil || img == nil {
		release()
		return nil, nil, errBroken()
	}
	return img, release, nil
}

// thumbnail makes a small JPEG of a picture.
func thumbnail(img image.Image, turn orientation) ([]byte, error) {
	small := turn.apply(scale(img, thumbnailSide, color.White))
	var b bytes.Buffer
	if err := jpeg.Encode(&b, small, &jpeg.Options{Quality: thumbnailQuality}); err != nil {
		return nil, errBroken()
	}
	return b.Bytes(), nil
}

// scale makes a picture fit a square of the given side, over a ground that shows
// where it is transparent; nil keeps it transparent. Smaller ones stay small.
//
// It draws into an RGBA picture, since it is to those that photographs are scaled
// without a call for each pixel.
func scale(img image.Image, side int, ground color.Color) *image.RGBA {
	w, h := fit(img.Bounds().Dx(), img.Bounds().Dy(), side)
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	if ground != nil {
		draw.Draw(out, out.Bounds(), image.NewUniform(ground), image.Point{}, draw.Src)
	}
	draw.ApproxBiLinear.Scale(out, out.Bounds(), img, img.Bounds(), draw.Over, nil)
	return out
}

// fit keeps the proportions of w and h, neither above side nor below 1.
func fit(w, h, side int) (int, int) {
	switch {
	case w <= side && h <= side:
		return max(w, 1), max(h, 1)
	case w >= h:
		return side, max(1, h*side/w)
	default:
		return max(1, w*side/h), side
	}
}
