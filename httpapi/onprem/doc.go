// Package onprem reads and writes bodies as 360dialog's On-Premises API has them. It
// is pure: it knows neither HTTP's server nor the store.
package onprem
