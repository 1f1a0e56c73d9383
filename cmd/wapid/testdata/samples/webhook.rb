require 'sinatra'
require 'json'
require 'openssl'
SECRET = ENV.fetch('WAPI_WEBHOOK_SECRET', '')
post '/whatsapp-webhook' do
content_type :json
payload = JSON.parse(request.body.read)
if !SECRET.empty? && payload['signature']
expected = OpenSSL::HMAC.hexdigest('sha256', SECRET,
payload.to_json)
halt 401 unless expected == payload['signature']
end
if payload['event'] == 'message'
sender = payload['data']['from'].sub('@s.whatsapp.net', '')
body = payload['data']['body']
puts "Message from #{sender}: #{body}"
# trigger auto-reply, save to DB, etc.
end
{ ok: true }.to_json
end
