// Package cloudapi is a second network behind engine.Network: numbers of Meta's
// official Cloud API, spoken to over HTTPS.
package cloudapi
