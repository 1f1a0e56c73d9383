package webhooks

import "net/http"

// Through has the dispatcher post through a transport of the test's, so that a
// bubble of synthetic time holds the receivers as well.
func (d *Dispatcher) Through(t http.RoundTripper) { d.sender.client.Transport = t }
