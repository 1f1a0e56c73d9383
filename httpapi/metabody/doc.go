// Package metabody reads and writes what the bodies of Meta's two APIs, the Cloud API and
// the On-Premises API, have in common: the members of requests, what a message holds, and
// what webhooks tell of one. It knows neither's codes: what it refuses is a Fault, which
// each of them makes an error of its own.
package metabody
