package engine

import "context"

// OwnProfile is what an account shows of itself, beyond what Directory.Me reads. A change
// whose answer never came returns CodeSendOutcomeUnknown.
type OwnProfile interface {
	// Business is what the account shows as a business. It returns CodeNotFound for an
	// account that is none.
	Business(ctx context.Context) (Business, error)
	// ChangeBusiness sets what is not nil. What the network makes of an account that is no
	// business is its own: CodeNetworkRefused.
	ChangeBusiness(ctx context.Context, c BusinessChange) error
	// SetAbout sets the line of text under the account's name.
	SetAbout(ctx context.Context, text string) error
	// SetPicture sets the account's picture, a JPEG. It returns CodeMediaInvalid for one
	// that the network does not take.
	SetPicture(ctx context.Context, jpeg []byte) error
}

// Business is what an account shows as a business; what is not set is empty.
type Business struct {
	Address     string
	Description string
	Email       string
	Websites    []string
	Category    string // in words, and in the language of whoever chose it
}

// BusinessChange changes it; nil leaves a member as it is, and empty takes it away.
type BusinessChange struct {
	Address     *string
	Description *string
	Email       *string
	Websites    *[]string
}
