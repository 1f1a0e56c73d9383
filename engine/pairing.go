package engine

import (
	"encoding/base64"

	qrcode "github.com/skip2/go-qrcode"
)

// qrPixels is the side of a QR image; small enough for a webhook body, large
// enough for a phone's camera at an arm's length.
const qrPixels = 320

// QRImage renders the raw text of a pairing code as a PNG in a data: URL.
func QRImage(raw string) (string, error) {
	png, err := qrcode.Encode(raw, qrcode.Low, qrPixels)
	if err != nil {
		return "", WrapError(CodeInternal, err, "the QR code could not be drawn")
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(png), nil
}
