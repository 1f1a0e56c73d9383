package media

import (
	"bytes"
	"context"
	"errors"
	"image"
	"os"

	"github.com/HugoSmits86/nativewebp"
	"golang.org/x/image/draw"
	"golang.org/x/image/webp"

	"io"

	"wapid/engine"
)

// stickerSide is the side of a sticker in pixels, as WhatsApp asks for.
const stickerSide = 512

// sticker takes a WebP picture as it is and makes one of other pictures. A
// picture is placed in the middle of a transparent square.
func (s *Spool) sticker(ctx context.Context, f File, in *os.File, mime string) (engine.Attachment, error) {
	p, err := lookAt(in, mime)
	if err != nil {
		return engine.Attachment{}, err
	}
	switch mime {
	case typeWebP:
		if f.Size > MaxSticker {
			return engine.Attachment{}, errTooLarge(MaxSticker)
		}
		if p.width > stickerSide || p.height > stickerSide {
			return engine.Attachment{}, errInvalid("a WebP sticker must not be larger than %d by %d pixels", stickerSide, stickerSide)
		}
		a := f.attachment(typeWebP)
		a.Width, a.Height, a.Animated = p.width, p.height, p.animated
		return a, nil
	case typePNG, typeJPEG:
	default:
		return engine.Attachment{}, errInvalid("a sticker must be a WebP, PNG or JPEG picture")
	}
	img, release, err := s.decode(ctx, in, mime, p)
	if errors.Is(err, errHeavy) {
		return engine.Attachment{}, errInvalid("the picture has too many pixels to make a sticker of it")
	}
	if err != nil {
		return engine.Attachment{}, err
	}
	defer release()
	made, err := s.makeSticker(p.turn.apply(scale(img, stickerSide, nil)))
	if err != nil {
		return engine.Attachment{}, err
	}
	a := made.attachment(typeWebP)
	a.Width, a.Height = stickerSide, stickerSide
	return a, nil
}

func (s *Spool) makeSticker(small *image.RGBA) (File, error) {
	square := image.NewNRGBA(image.Rect(0, 0, stickerSide, stickerSide))
	at := image.Pt((stickerSide-small.Bounds().Dx())/2, (stickerSide-small.Bounds().Dy())/2)
	draw.Draw(square, small.Bounds().Add(at), small, image.Point{}, draw.Src)
	// Lossless, and thus hardly more than its 1 MiB of pixels.
	w, err := s.Create(2 * MaxSticker)
	if err != nil {
		return File{}, err
	}
	defer w.Discard()
	if err := nativewebp.Encode(w, square, nil); err != nil {
		if e, ok := errors.AsType[*engine.Error](err); ok {
			return File{}, e
		}
		return File{}, errBroken()
	}
	return w.Finish()
}

// scanWebP reads the size of a WebP picture. The extended header says whether it
// is animated (RFC 9649, section 2.7); the decoder knows the simple forms only.
// lossless tells that pixels or transparency may be compressed without loss.
func scanWebP(f *os.File) (width, height int, animated, lossless bool, err error) {
	b, err := head(f, 30)
	if err != nil {
		return 0, 0, false, false, err
	}
	if len(b) == 30 && string(b[:4]) == "RIFF" && string(b[8:16]) == "WEBPVP8X" {
		const animation = 1 << 1
		width = 1 + int(b[24]) + int(b[25])<<8 + int(b[26])<<16
		height = 1 + int(b[27]) + int(b[28])<<8 + int(b[29])<<16
		return width, height, b[20]&animation != 0, true, nil
	}
	config, err := webp.DecodeConfig(io.NewSectionReader(f, 0, maxSegments))
	lossless = !bytes.HasPrefix(b[min(len(b), 12):], []byte("VP8 "))
	return config.Width, config.Height, false, lossless, err
}
