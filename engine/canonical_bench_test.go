package engine

import "testing"

// BenchmarkCanonical encodes what every sent message's events hold, and an incoming
// message.
func BenchmarkCanonical(b *testing.B) {
	for name, v := range map[string]any{
		"status": MessageStatusData{ID: "3EB0C431C26A1916E07E", To: "4915112345678@s.whatsapp.net", Status: MessageDelivered, Timestamp: 1708243200},
		"message": MessageData{ID: "3EB0C431C26A1916E07E", From: "4915112345678@s.whatsapp.net", FromLID: "10000000000001@lid",
			PushName: "Somebody", Body: "The order 4711 is on its way.", Type: KindText, Timestamp: 1708243200},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Canonical(v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
