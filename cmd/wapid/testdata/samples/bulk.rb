require 'net/http'
require 'json'
require 'uri'
API_KEY = ENV['WAPI_KEY']
BASE = 'https://api.wapiconnect.cloud'
def wapi_post(path, body)
uri = URI("#{BASE}#{path}")
http = Net::HTTP.new(uri.host, uri.port)
http.use_ssl = true
req = Net::HTTP::Post.new(uri.path)
req['X-API-Key'] = API_KEY
req['Content-Type'] = 'application/json'
req.body = JSON.generate(body)
JSON.parse(http.request(req).body)
end
def wapi_get(path)
uri = URI("#{BASE}#{path}")
http = Net::HTTP.new(uri.host, uri.port)
http.use_ssl = true
req = Net::HTTP::Get.new(uri.path)
req['X-API-Key'] = API_KEY
JSON.parse(http.request(req).body)
end
job = wapi_post('/api/whatsapp/session/main/send-bulk', {
recipients: ['919876543210', '919876543211'],
message: 'Big Sale! 40% off today.',
delayMin: 3000, delayMax: 7000
})
job_id = job['jobId']
loop do
sleep 3
status = wapi_get("/api/whatsapp/bulk-job/#{job_id}")
puts "#{status['processed']}/#{status['total']} sent"
break if %w[completed failed].include?(status['status'])
end
