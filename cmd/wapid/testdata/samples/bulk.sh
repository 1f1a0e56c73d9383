# 1. Start bulk job and capture jobId
RESPONSE=$(curl -s -X POST https://api.wapiconnect.cloud/api/whatsapp/session/main/send-bulk \
-H "X-API-Key: $WAPI_KEY" \
-H "Content-Type: application/json" \
-d '{
"recipients": ["919876543210","919876543211"],
"message": "Big Sale! 40% off today.",
"delayMin": 3000, "delayMax": 7000
}')
JOB_ID=$(echo $RESPONSE | grep -o '"jobId":"[^"]*"' | cut -d'"' -f4)
echo "Job started: $JOB_ID"
# 2. Poll progress
while true; do
sleep 3
STATUS=$(curl -s "https://api.wapiconnect.cloud/api/whatsapp/bulk-job/$JOB_ID" \
-H "X-API-Key: $WAPI_KEY")
echo $STATUS
echo $STATUS | grep -q '"completed"\|"failed"' && break
done
