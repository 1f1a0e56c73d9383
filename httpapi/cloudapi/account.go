package cloudapi

// WABANode is a business account as GET answers with it. namespace is what templates
// are told apart by in On-Premises APIs.
func WABANode(id, name, timeZone, namespace string, fields []string) Node {
	n := Node{{"id", id}, {"name", name}, {"timezone_id", timeZone}, {"message_template_namespace", namespace}}
	if len(fields) > 0 {
		n = append(n, Node{{"account_review_status", "APPROVED"}, {"business_verification_status", "not_verified"}, {"status", "ACTIVE"},
			{"ownership_type", "SELF"}, {"is_enabled_for_insights", false},
			{"health_status", Node{{"can_send_message", "AVAILABLE"}, {"entities", []Node{{{"entity_type", "WABA"}, {"id", id}, {"can_send_message", "AVAILABLE"}}}}}}}...)
	}
	return n.Pick(fields)
}

// AppNode is an app as GET answers with it.
func AppNode(id, name string, fields []string) Node {
	return Node{{"name", name}, {"id", id}}.Pick(fields)
}

// TokenFacts are what there is to know of a token that is good.
type TokenFacts struct {
	App     string // the id of the app
	Name    string // of the app
	Scopes  []string
	Targets []string // the ids of the business accounts
}

// Answer is the body of GET /debug_token.
func (f TokenFacts) Answer() any {
	granular := []Node{}
	for _, scope := range f.Scopes {
		granular = append(granular, Node{{"scope", scope}, {"target_ids", f.Targets}})
	}
	scopes := f.Scopes
	if scopes == nil {
		scopes = []string{}
	}
	return Node{{"data", Node{
		{"app_id", f.App}, {"type", "SYSTEM_USER"}, {"application", f.Name}, {"data_access_expires_at", 0}, {"expires_at", 0},
		{"is_valid", true}, {"scopes", scopes}, {"granular_scopes", granular}, {"user_id", f.App},
	}}}
}

// TokenInvalid is the body of GET /debug_token about a token that is none, or another's.
func TokenInvalid() any {
	return Node{{"data", Node{
		{"is_valid", false}, {"scopes", []string{}},
		{"error", Node{{"code", CodeToken}, {"message", "Invalid OAuth access token."}}},
	}}}
}
