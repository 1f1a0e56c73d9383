const axios = require("axios");
const client = axios.create({
baseURL: "https://api.wapiconnect.cloud",
headers: { "X-API-Key": process.env.WAPI_KEY },
});
async function runCampaign(recipients, message) {
// 1. Start the bulk job
const { data } = await client.post("/api/whatsapp/session/main/send-bulk", {
recipients,
message,
delayMin: 3000,
delayMax: 7000,
});
const { jobId } = data;
console.log(`Job started: ${jobId}`);
// 2. Poll until complete
while (true) {
const { data: job } = await client.get(`/api/whatsapp/bulk-job/${jobId}`);
console.log(`${job.processed}/${job.total} sent`);
if (job.status === "completed" || job.status === "failed") break;
await new Promise(r => setTimeout(r, 3000));
}
}
runCampaign(
["919876543210", "919876543211"],
"Big Sale! 40% off everything today."
);
