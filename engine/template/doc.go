// Package template is message templates: what one may hold, and the message that it
// becomes with the values of its parameters. It is pure and knows no interface.
package template
