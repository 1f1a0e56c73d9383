// Package httpapi translates between HTTP and the domain: it authenticates,
// turns request bodies into domain values, calls the engine or the store, and
// turns what comes back into the documented bodies and statuses. It keeps no
// state of the domain. It is the only package that knows Fiber.
package httpapi
