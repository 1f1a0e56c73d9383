// Package simnet is a WhatsApp network in one process: the far side that a
// linked device talks to when no machine may reach the real one. Clients that
// know nothing of it connect over TLS, run the Noise handshake, exchange binary
// XML and encrypt with Signal exactly as they would in the wild.
//
// Three kinds of code live here and are kept apart. The server (server.go,
// stream.go, login.go, iq.go, relay.go …) routes stanzas and never holds a key
// of a conversation. The phones (phone.go …) are primary devices with real
// identities; they see plaintext and know nothing of sockets. The controls
// (fault.go, control.go, ledger.go) let a test or a person disturb and inspect
// both.
//
// Facts about the wire were read from the sources of whatsmeow and Baileys.
// Where the real network's behaviour isn't visible there, a comment says
// "assumed".
package simnet
