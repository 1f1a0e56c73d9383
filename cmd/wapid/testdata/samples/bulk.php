<?php
function wapiPost($path, $body = []) {
$ch = curl_init("https://api.wapiconnect.cloud" . $path);
curl_setopt_array($ch, [
CURLOPT_POST => true,
CURLOPT_RETURNTRANSFER => true,
CURLOPT_HTTPHEADER => ["X-API-Key: " . getenv("WAPI_KEY"), "Content-Type: application/json"],
CURLOPT_POSTFIELDS => json_encode($body),
]);
$r = json_decode(curl_exec($ch), true);
curl_close($ch);
return $r;
}
function wapiGet($path) {
$ch = curl_init("https://api.wapiconnect.cloud" . $path);
curl_setopt_array($ch, [CURLOPT_RETURNTRANSFER => true,
CURLOPT_HTTPHEADER => ["X-API-Key: " . getenv("WAPI_KEY")]]);
$r = json_decode(curl_exec($ch), true);
curl_close($ch);
return $r;
}
$job = wapiPost("/api/whatsapp/session/main/send-bulk", [
"recipients" => ["919876543210", "919876543211"],
"message" => "Big Sale! 40% off today.",
]);
$jobId = $job["jobId"];
do {
sleep(3);
$status = wapiGet("/api/whatsapp/bulk-job/{$jobId}");
} while ($status["status"] === "running" || $status["status"] === "pending");
echo "Done: {$status['succeeded']} sent, {$status['failed']} failed\n";
