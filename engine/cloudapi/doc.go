// Package cloudapi is a second network behind engine.Network: numbers of Meta's
// official Cloud API, spoken to over HTTPS. Such a session has no device, no QR code
// and no encryption of its own: it stands on what Meta gives the owner of a number, an
// access token and an app secret, and hears of messages by webhooks (Network.Deliver).
package cloudapi
