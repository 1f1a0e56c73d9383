require 'net/http'
require 'json'
require 'uri'
API_KEY = ENV['WAPI_KEY']
BASE = 'https://api.wapiconnect.cloud'
def send_otp(phone, otp)
uri = URI("#{BASE}/api/whatsapp/session/main/send")
http = Net::HTTP.new(uri.host, uri.port)
http.use_ssl = true
req = Net::HTTP::Post.new(uri.path)
req['X-API-Key'] = API_KEY
req['Content-Type'] = 'application/json'
req.body = JSON.generate(
to: phone,
header: 'Verification Code',
message: "Your OTP is *#{otp}*. Valid for 10 minutes.",
footer: 'WapiConnect Security'
)
http.request(req)
end
otp = rand(100_000..999_999).to_s
send_otp('919876543210', otp)
