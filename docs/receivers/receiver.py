"""A webhook receiver for wapid in Python 3.8 or newer, without packages.

    WEBHOOK_SECRET=whsec_… WAPID_URL=http://127.0.0.1:8080 WAPID_KEY=… PORT=4000 python3 receiver.py

It answers "ping" with "pong", once, whatever is repeated.
"""
import base64
import hashlib
import hmac
import json
import os
import re
import sys
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = os.environ["WEBHOOK_SECRET"]
SEEN = os.environ.get("SEEN", "seen")

# The key is the decoded part of a secret of the form whsec_<base64>, else its bytes.
KEY = base64.b64decode(SECRET[6:]) if SECRET.startswith("whsec_") else SECRET.encode()


def verified(headers, raw):
    """Tell whether wapid has signed these very bytes, within five minutes."""
    event_id, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not re.fullmatch(r"[\w-]{1,64}", event_id) or not re.fullmatch(r"\d{1,12}", at) or abs(time.time() - int(at)) > 300:
        return False
    expected = base64.b64encode(hmac.new(KEY, f"{event_id}.{at}.".encode() + raw, hashlib.sha256).digest()).decode()
    # While a secret is being rotated there are two signatures; one must fit.
    given = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(one.encode(), b"v1," + expected.encode()) for one in given)


def handle(event, event_id):
    """Do the work. It may run twice for one event, so it must not matter if it
    does: here the idempotency key sees to that."""
    if event["event"] != "message" or event["data"]["body"] != "ping":
        return
    session = urllib.parse.quote(event["sessionId"], safe="")
    request = urllib.request.Request(
        f"{os.environ['WAPID_URL']}/api/whatsapp/session/{session}/send",
        data=json.dumps({"to": event["data"]["chat"], "message": "pong"}).encode(),
        headers={"Content-Type": "application/json", "X-API-Key": os.environ["WAPID_KEY"], "Idempotency-Key": event_id},
    )
    urllib.request.urlopen(request, timeout=10).close()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(self.take(raw))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def take(self, raw):
        if not verified(self.headers, raw):
            return 401
        event_id = self.headers["webhook-id"]
        seen = os.path.join(SEEN, event_id)
        if os.path.exists(seen):
            return 200  # delivered again
        try:
            handle(json.loads(raw), event_id)
            open(seen, "w").close()  # in a real service: a unique row, with what was done
        except Exception as err:
            print(err, file=sys.stderr)
            return 500  # wapid tries again
        return 200

    def log_message(self, *_):
        pass


os.makedirs(SEEN, exist_ok=True)
port = int(os.environ.get("PORT", "4000"))
print(f"listening on {port}", flush=True)
ThreadingHTTPServer(("127.0.0.1", port), Receiver).serve_forever()
