# Generate a random 6-digit OTP
OTP=$(shuf -i 100000-999999 -n 1)
curl -s -X POST https://api.wapiconnect.cloud/api/whatsapp/session/main/send \
-H "X-API-Key: $WAPI_KEY" \
-H "Content-Type: application/json" \
-d "{
\"to\": \"919876543210\",
\"header\": \"Verification Code\",
\"message\": \"Your OTP is *${OTP}*. Valid for 10 minutes.\",
\"footer\": \"WapiConnect Security\"
}"
