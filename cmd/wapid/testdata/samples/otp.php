<?php
function sendOtp($phone, $otp) {
$ch = curl_init();
curl_setopt_array($ch, [
CURLOPT_URL => "https://api.wapiconnect.cloud/api/whatsapp/session/main/send",
CURLOPT_POST => true,
CURLOPT_RETURNTRANSFER => true,
CURLOPT_HTTPHEADER => [
"X-API-Key: " . getenv("WAPI_KEY"),
"Content-Type: application/json",
],
CURLOPT_POSTFIELDS => json_encode([
"to" => $phone,
"header" => "Verification Code",
"message" => "Your OTP is *{$otp}*. Valid for 10 minutes.",
"footer" => "WapiConnect Security",
]),
]);
$response = curl_exec($ch);
curl_close($ch);
return json_decode($response, true);
}
$otp = str_pad(rand(0, 999999), 6, "0", STR_PAD_LEFT);
sendOtp("919876543210", $otp);
