const axios = require("axios");
const API_KEY = process.env.WAPI_KEY;
const SESSION = "main";
const BASE = "https://api.wapiconnect.cloud";
async function sendOtp(phone, otp) {
await axios.post(
`${BASE}/api/whatsapp/session/${SESSION}/send`,
{
to: phone,
header: "Verification Code",
message: `Your OTP is *${otp}*. Valid for 10 minutes.\nDo not share this code.`,
footer: "WapiConnect Security",
},
{ headers: { "X-API-Key": API_KEY } }
);
}
// Usage in your auth route:
const otp = Math.floor(100000 + Math.random() * 900000).toString();
await sendOtp("919876543210", otp);
// store otp in Redis/DB with expiry, then verify on next request
