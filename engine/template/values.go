package template

// Values are what is put in the places of a template's parameters.
type Values struct {
	Header  []Value
	Body    []Value
	Buttons []ButtonValue
}

// Value is the value of one parameter.
type Value struct {
	Type ValueType
	Name string // of named parameters
	// Text is that of text parameters, and what currencies and times fall back to.
	Text  string
	Media *Media // of image, video and document
	Place *Place // of location
}

// ValueType is what a value is.
type ValueType string

// What values may be.
const (
	TextValue     ValueType = "text"
	CurrencyValue ValueType = "currency"
	DateTimeValue ValueType = "date_time"
	ImageValue    ValueType = "image"
	VideoValue    ValueType = "video"
	DocumentValue ValueType = "document"
	LocationValue ValueType = "location"
)

// Media is a file: uploaded ahead, or to be fetched. One of ID and Link is given.
type Media struct {
	Kind     ValueType // ImageValue, VideoValue or DocumentValue
	ID       string
	Link     string
	FileName string // of documents
}

// Place is a point on the map, in degrees.
type Place struct {
	Latitude, Longitude float64
	Name, Address       string
}

// ButtonValue is the value of one button.
type ButtonValue struct {
	Type  ButtonType // QuickReply, URL (also of OTP buttons) or CopyCode
	Index int        // of the button, from 0
	Text  string     // the end of the URL, the payload of the quick reply, or the code to copy
}

// Message is what a template becomes with values.
type Message struct {
	Header string // of text headers
	Media  *Media // of media headers
	Place  *Place // of location headers
	Body   string
	Footer string
	// Lines stand for the buttons that open a page, call a number or copy a code.
	Lines   []string
	Replies []Reply // the quick replies, in their order
}

// Reply is a quick reply. Whoever chooses it sends its payload.
type Reply struct {
	Payload string // its title, unless the sender gave another
	Title   string
}
