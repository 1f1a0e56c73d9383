<?php
$payload = json_decode(file_get_contents("php://input"), true);
$secret = getenv("WAPI_WEBHOOK_SECRET");
if ($secret && isset($payload["signature"])) {
$expected = hash_hmac("sha256", json_encode($payload), $secret);
if ($expected !== $payload["signature"]) {
http_response_code(401);
exit;
}
}
if ($payload["event"] === "message") {
$from = str_replace("@s.whatsapp.net", "", $payload["data"]["from"]);
$body = $payload["data"]["body"];
error_log("Message from {$from}: {$body}");
// save to DB, trigger auto-reply, etc.
}
echo json_encode(["ok" => true]);
