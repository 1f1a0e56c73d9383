// When and how fast a job sends, over which sessions, and to whom: from what somebody
// has filled in to the request that the API takes.
import { faultOf, fill, parse, placeholders, plain } from "./bulk-recipients.js";
import { columnsWith, fieldsOf, head } from "./bulk-csv.js";

export const days = { mon: "Mon", tue: "Tue", wed: "Wed", thu: "Thu", fri: "Fri", sat: "Sat", sun: "Sun" };

// blankPlan is an empty form; delays in seconds.
export const blankPlan = { delayMin: "2", delayMax: "5", startAt: "", windows: [], timeZone: "", maxPerHour: "", sessions: [], checkNumbers: false };

// planProblems are the fields that can't be right: {field: why}.
export function planProblems(plan, now = Date.now()) {
  const found = {};
  const least = Number(plan.delayMin), most = Number(plan.delayMax);
  if (!(least >= 0 && least <= 3600)) found.delayMin = "From 0 to 3600 seconds.";
  if (!(most >= 0 && most <= 3600)) found.delayMax = "From 0 to 3600 seconds.";
  else if (most < least) found.delayMax = "Not less than the shortest pause.";
  if (plan.maxPerHour !== "" && !(Number.isInteger(Number(plan.maxPerHour)) && Number(plan.maxPerHour) >= 1 && Number(plan.maxPerHour) <= 10_000)) {
    found.maxPerHour = "From 1 to 10,000.";
  }
  if (plan.startAt !== "" && !(Date.parse(plan.startAt) <= now + 365 * 86_400_000)) found.startAt = "A time within a year.";
  if (plan.windows.some((w) => !w.from || !w.to || w.from === w.to || w.days.length === 0)) found.windows = "Each needs a beginning, an end and a day.";
  return found;
}

// planFields is what a plan adds to a request. session is the one in the path.
export function planFields(plan, session) {
  const out = { delayMin: Math.round(Number(plan.delayMin) * 1000), delayMax: Math.round(Number(plan.delayMax) * 1000) };
  if (plan.startAt) out.startAt = new Date(plan.startAt).toISOString();
  if (plan.windows.length > 0) {
    out.windows = plan.windows.map((w) => (w.days.length === 7 ? { from: w.from, to: w.to } : { days: w.days, from: w.from, to: w.to }));
    if (plan.timeZone) out.timeZone = plan.timeZone;
  }
  if (plan.maxPerHour) out.maxPerHour = Number(plan.maxPerHour);
  const more = plan.sessions.filter((s) => s !== session);
  if (more.length > 0) out.sessions = more;
  if (plan.checkNumbers) out.checkNumbers = true;
  return out;
}

// pasted is a survey of pasted text, see survey.
export function pasted(text) {
  const { recipients, invalid, duplicates } = parse(text);
  return { recipients: recipients.map((r) => ({ ...r })), invalid, duplicates, fields: recipients.some((r) => r.name) ? ["phone", "name"] : ["phone"] };
}

// inFile is a survey of the text of a CSV file whose numbers stand in a column.
export function inFile(text, phone, most = 100_000) {
  const file = head(text, { most });
  const columns = phone === file.phone ? file.columns : columnsWith(file.columns, phone);
  const recipients = [], invalid = [], seen = new Set();
  let duplicates = 0;
  file.rows.forEach((cells, i) => {
    const fields = fieldsOf(columns, cells, phone);
    const number = fields.phone ?? "";
    const why = number === "" ? "no number" : faultOf(number);
    const key = number.includes("@") ? number : plain(number);
    if (why) invalid.push({ line: i + 2, text: number, why });
    else if (seen.has(key)) duplicates++;
    else {
      seen.add(key);
      recipients.push(fields);
    }
  });
  return { recipients, invalid, duplicates, fields: ["phone", ...columns.filter((name, i) => i !== phone && name)] };
}

// lacking counts the recipients of a survey who miss a field that the texts need, and
// names the fields.
export function lacking(survey, texts) {
  const needed = placeholders(texts.join("\n")).filter((p) => p.required && p.name !== "phone");
  if (needed.length === 0) return { count: 0, names: [] };
  const names = new Set();
  let count = 0;
  for (const r of survey.recipients) {
    const { missing } = fill(needed.map((p) => `{{${p.name}}}`).join(""), r);
    if (missing.length > 0) count++;
    for (const name of missing) names.add(name);
  }
  return { count, names: [...names] };
}

// takes is about how long a job lasts, in ms, as far as its pauses and hourly limit say.
export function takes(count, plan, sessions) {
  const pause = ((Number(plan.delayMin) + Number(plan.delayMax)) / 2) * 1000;
  const each = Math.ceil(count / Math.max(1, sessions));
  const paced = Math.max(0, each - 1) * pause;
  const limited = plan.maxPerHour ? (Math.ceil(each / Number(plan.maxPerHour)) - 1) * 3_600_000 : 0;
  return Math.max(paced, limited);
}

// rate is how many recipients a minute a job has come to lately. samples are
// [{at, processed}], oldest first, at in ms; begun is when it came to the first of them,
// 0 if it has not. It is 0 where that can't be told.
export function rate(samples, begun = 0) {
  const last = samples.at(-1);
  if (samples.length > 0 && begun > 0) samples = [{ at: begun, processed: 0 }, ...samples];
  const first = samples.find((s) => s.at >= (last?.at ?? 0) - 120_000);
  if (!last || !first || last.at - first.at < 1_000) return 0;
  return ((last.processed - first.processed) * 60_000) / (last.at - first.at);
}

const waits = {
  paused: "Paused: somebody has to resume it",
  scheduled: "It begins at its time",
  outside_hours: "Outside the hours in which it may send",
  hourly_limit: "As many were sent this hour as may be",
  session_not_ready: "The session is not connected",
  daily_limit: "The account has sent as much as it may today",
  suspended: "The operator has suspended the account",
  reachout_timelock: "WhatsApp lets this number write to nobody new for a while",
  rate_limited: "WhatsApp asks to slow down",
  storage_unavailable: "The server's database does not answer",
  retrying: "It is not known whether a message went out: it is sent again under the same id",
};

// waitingFor says why a job does not go on just now.
export function waitingFor(reason) {
  return waits[reason] ?? reason;
}

// stateOf is a job's state for a badge: what was paused or cancelled says so.
export function stateOf(job) {
  if (job.errorCode === "JOB_CANCELLED") return "cancelled";
  if (job.paused && ["pending", "running"].includes(job.status)) return "paused";
  if (job.status === "pending" && job.waiting?.reason === "scheduled") return "scheduled";
  return job.status;
}

export function hasEnded(job) {
  return job.status === "completed" || job.status === "failed";
}
