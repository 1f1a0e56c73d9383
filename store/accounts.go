package store

// accountID names somebody who has signed up.
type accountID string
