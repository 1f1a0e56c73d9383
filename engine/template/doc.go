// Package template is message templates: what one may hold, and the message that it
// becomes with the values of its parameters. It is pure and knows no interface.
//
// Definitions and values are written in JSON as Meta writes them, since the On-Premises
// API shares that form with the Cloud API and the store keeps it. A linked device sends
// no templates of the network's: what Render returns goes out as text, or as media with
// a caption.
package template
