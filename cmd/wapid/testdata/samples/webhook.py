import hmac, hashlib, json, os
from flask import Flask, request, jsonify
app = Flask(__name__)
SECRET = os.environ.get("WAPI_WEBHOOK_SECRET", "")
@app.route("/whatsapp-webhook", methods=["POST"])
def webhook():
    payload = request.get_json()
    if SECRET and payload.get("signature"):
        expected = hmac.new(
            SECRET.encode(), json.dumps(payload).encode(), hashlib.sha256
        ).hexdigest()
        if expected != payload["signature"]:
            return "Unauthorized", 401
    if payload["event"] == "message":
        sender = payload["data"]["from"].replace("@s.whatsapp.net", "")
        body = payload["data"]["body"]
        print(f"Message from {sender}: {body}")
    return jsonify(ok=True)
if __name__ == "__main__":
    app.run(port=4000)
