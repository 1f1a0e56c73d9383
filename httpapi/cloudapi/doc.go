// Package cloudapi reads and writes bodies as Meta's Cloud API has them: requests,
// answers, errors, ids and webhooks. It is pure: it knows neither HTTP's server nor
// the store.
package cloudapi
