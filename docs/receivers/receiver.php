<?php
// A webhook receiver for wapid in PHP 8 or newer, with php-curl.
//   WEBHOOK_SECRET=whsec_… WAPID_URL=http://127.0.0.1:8080 WAPID_KEY=… php -S 127.0.0.1:4000 receiver.php
// It answers "ping" with "pong", once, whatever is repeated.
declare(strict_types=1);

$secret = (string) getenv('WEBHOOK_SECRET');
$seenDir = getenv('SEEN') ?: 'seen';

// The key is the decoded part of a secret of the form whsec_<base64>, else its bytes.
$key = str_starts_with($secret, 'whsec_') ? base64_decode(substr($secret, 6)) : $secret;

// verified tells whether wapid has signed these very bytes, within five minutes.
function verified(string $key, string $id, string $at, string $signatures, string $raw): bool
{
    if (!preg_match('/^[\w-]{1,64}$/D', $id) || !preg_match('/^\d{1,12}$/D', $at) || abs(time() - (int) $at) > 300) {
        return false;
    }
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$at.$raw", $key, true));
    foreach (explode(' ', $signatures) as $given) { // two while a secret is being rotated
        if (hash_equals($expected, $given)) {
            return true;
        }
    }
    return false;
}

// handle does the work. It may run twice for one event, so it must not matter if it
// does: here the idempotency key sees to that.
function handle(array $event, string $id): void
{
    if ($event['event'] !== 'message' || $event['data']['body'] !== 'ping') {
        return;
    }
    $request = curl_init(getenv('WAPID_URL') . '/api/whatsapp/session/' . rawurlencode($event['sessionId']) . '/send');
    curl_setopt_array($request, [
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_TIMEOUT => 10,
        CURLOPT_POSTFIELDS => json_encode(['to' => $event['data']['chat'], 'message' => 'pong']),
        CURLOPT_HTTPHEADER => ['Content-Type: application/json', 'X-API-Key: ' . getenv('WAPID_KEY'), "Idempotency-Key: $id"],
    ]);
    $answer = curl_exec($request);
    $status = curl_getinfo($request, CURLINFO_RESPONSE_CODE);
    if ($status !== 200) {
        throw new RuntimeException("the reply was refused: $status $answer");
    }
}

$raw = (string) file_get_contents('php://input');
$id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
if (!verified($key, $id, $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '', $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '', $raw)) {
    http_response_code(401);
    return;
}
if (file_exists("$seenDir/$id")) {
    return; // delivered again
}
try {
    handle(json_decode($raw, true, 64, JSON_THROW_ON_ERROR), $id);
    if (!is_dir($seenDir)) {
        mkdir($seenDir, 0700, true);
    }
    touch("$seenDir/$id"); // in a real service: a unique row, with what was done
} catch (Throwable $problem) {
    error_log($problem->getMessage());
    http_response_code(500); // wapid tries again
}
