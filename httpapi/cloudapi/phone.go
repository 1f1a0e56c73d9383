package cloudapi

// PhoneFacts are what a phone number's node tells.
type PhoneFacts struct {
	ID      string
	Digits  string
	Display string // as people write it
	Name    string // of its session
	// Linked says that its session is linked, Ready that it can send just now, Banned
	// and Restricted what WhatsApp has to say about it, and Removed that it has no
	// session any more.
	Linked, Ready, Banned, Restricted, Removed bool
}

// quality is what WhatsApp thinks of the number, as far as it says so.
func (f PhoneFacts) quality() string {
	switch {
	case f.Banned:
		return "RED"
	case f.Restricted:
		return "YELLOW"
	case f.Linked:
		return "GREEN"
	}
	return "UNKNOWN"
}

func (f PhoneFacts) status() string {
	switch {
	case f.Removed:
		return "DELETED"
	case f.Banned:
		return "BANNED"
	case f.Restricted:
		return "RESTRICTED"
	case f.Ready:
		return "CONNECTED"
	case f.Linked:
		return "DISCONNECTED"
	}
	return "PENDING"
}

// health is whether messages can be sent.
func (f PhoneFacts) health() any {
	can := "AVAILABLE"
	switch {
	case !f.Linked || f.Banned:
		can = "BLOCKED"
	case f.Restricted || !f.Ready:
		can = "LIMITED"
	}
	return Node{{"can_send_message", can}, {"entities", []Node{{{"entity_type", "PHONE_NUMBER"}, {"id", f.ID}, {"can_send_message", can}}}}}
}

// Node is the phone number as GET answers with it: with the members that fields names,
// or with those that Meta gives to who names none.
func (f PhoneFacts) Node(fields []string) Node {
	verified := "NOT_VERIFIED"
	if f.Linked {
		verified = "VERIFIED"
	}
	n := Node{
		{"verified_name", f.Name}, {"code_verification_status", verified}, {"display_phone_number", f.Display},
		{"quality_rating", f.quality()}, {"platform_type", "CLOUD_API"}, {"throughput", Node{{"level", "STANDARD"}}}, {"id", f.ID},
	}
	if len(fields) > 0 {
		n = append(n, Node{
			{"status", f.status()}, {"name_status", "NONE"}, {"account_mode", "LIVE"}, {"is_official_business_account", false},
			{"is_pin_enabled", false}, {"messaging_limit_tier", "TIER_UNLIMITED"}, {"quality_score", Node{{"score", f.quality()}}},
			{"health_status", f.health()},
		}...)
	}
	return n.Pick(fields)
}
