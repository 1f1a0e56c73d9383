import assert from "node:assert/strict";
import { test } from "node:test";
import { faultOf, fill, parse, placeholders } from "./pages/bulk-recipients.js";
import { fieldsOf, head, renamed } from "./pages/bulk-csv.js";
import { blankPlan, inFile, lacking, pasted, planFields, planProblems, rate, stateOf, takes } from "./pages/bulk-plan.js";

test("pasted recipients", () => {
  const { recipients, invalid, duplicates } = parse([
    "919876543210", "+91 98765 43211 , 919876543212,919876543210", "", "  ", "4915112345678;Max Müller", "'4915112345679\tEva",
    "491511234568, Ada", "00 44 20 7946 0018", "442079460018", "120363025246125486@g.us", "+44 (0)20 7946 0019",
  ].join("\r\n"));
  assert.deepEqual(recipients, [
    { phone: "919876543210" }, { phone: "+91 98765 43211" }, { phone: "919876543212" }, { phone: "4915112345678", name: "Max Müller" },
    { phone: "4915112345679", name: "Eva" }, { phone: "491511234568", name: "Ada" }, { phone: "00 44 20 7946 0018" },
    { phone: "120363025246125486@g.us" }, { phone: "+44 (0)20 7946 0019" },
  ]);
  assert.deepEqual(invalid, []);
  assert.equal(duplicates, 2);
});

test("what is no recipient is named with its line", () => {
  const { recipients, invalid } = parse("919876543210\ntomorrow\n4.91512E+12\n12\n1234567890123456\nmax@example.com\n12,Ada 3");
  assert.equal(recipients.length, 1);
  assert.deepEqual(invalid.map((one) => one.line), [2, 3, 4, 5, 6, 7, 7]);
  for (const one of invalid) assert.ok(one.why, one.text);
  assert.match(faultOf("4.91512E+12"), /spreadsheet/);
});

test("a hundred thousand are read at once", () => {
  const begun = performance.now();
  const list = Array.from({ length: 100_000 }, (_, i) => `49151${String(i).padStart(8, "0")};Name ${i}`).join("\n");
  assert.equal(parse(list).recipients.length, 100_000);
  assert.ok(performance.now() - begun < 5_000);
});

test("placeholders as the daemon fills them", () => {
  const text = "Hi {{name|there}}, {{ First Name }} {{code}} {{code|-}} {{}} {{a\nb}} {{phone}}";
  assert.deepEqual(placeholders(text), [
    { name: "name", required: false }, { name: "First Name", required: true }, { name: "code", required: true }, { name: "phone", required: true },
  ]);
  assert.deepEqual(fill("Hi {{name|there}} {{x}}!", { name: "{{x}}" }), { text: "Hi {{x}} !", missing: ["x"] });
  assert.deepEqual(fill("Hi {{name|there}}", { name: "" }), { text: "Hi there", missing: [] });
  assert.deepEqual(fill("[{{name}}]", { name: "" }), { text: "[]", missing: [] });
  assert.deepEqual(fill("[{{name|}}]", {}), { text: "[]", missing: [] });
  assert.deepEqual(fill("{{code}}", { code: 4711 }), { text: "4711", missing: [] });
});

test("the beginning of a CSV file", () => {
  const file = `\uFEFFName;Mobile;"a ""quoted"" one"\r\nAsha;919876543210;"x;\ny"\r\n;;\r\nRavi;919876543211;z`;
  const got = head(file);
  assert.deepEqual(got.columns, ["Name", "Mobile", `a "quoted" one`]);
  assert.deepEqual(got.rows, [["Asha", "919876543210", "x;\ny"], ["Ravi", "919876543211", "z"]]);
  assert.equal(got.phone, 1);
  assert.equal(got.delimiter, ";");
  assert.deepEqual(fieldsOf(got.columns, got.rows[0], 1), {
    Name: "Asha", name: "Asha", [`a "quoted" one`]: "x;\ny", phone: "919876543210",
  });
});

test("a file that is cut off loses no whole row and shows no half one", () => {
  assert.deepEqual(head("phone\n1234567\n12345", { whole: false }).rows, [["1234567"]]);
  assert.deepEqual(head("phone,name\n1,a\n2,b\n3,c\n", { most: 2 }).rows, [["1", "a"], ["2", "b"]]);
  assert.deepEqual(head("").columns, []);
});

test("another column becomes the one with the numbers", () => {
  const file = "sep=;\nTelefon;to\n4915112345678;Berlin\n";
  const got = head(file);
  assert.deepEqual(got.columns, ["Telefon", "to"]);
  const line = renamed(got.columns, 0, got.delimiter);
  assert.equal(line, `"phone";"to"\n`);
  assert.equal(renamed(["Phone", `a"b`, "Tel"], 2, ","), `"Phone (other)","a""b","phone"\n`);
  assert.deepEqual(head(line + file.slice(got.headerEnd)), { ...head(`"phone";"to"\n4915112345678;Berlin\n`) });
});

test("a survey says who can be sent to", () => {
  const file = "Telefon;to;Name\n4915112345678;Berlin;Ada\n+49 1511 2345678;Bonn;Ada\n4.9E+12;;x\n;;y\n4915112345679;Köln;\n";
  const survey = inFile(file, 0);
  assert.deepEqual(survey.recipients.map((r) => r.phone), ["4915112345678", "4915112345679"]);
  assert.equal(survey.duplicates, 1);
  assert.deepEqual(survey.invalid.map((one) => one.line), [4, 5]);
  assert.deepEqual(survey.fields, ["phone", "to", "Name"]);
  assert.deepEqual(lacking(survey, ["{{name}} {{to}}", "{{Name|x}}"]), { count: 1, names: ["name"] });
  assert.deepEqual(lacking(survey, ["{{name|you}} {{phone}}"]), { count: 0, names: [] });
  assert.equal(inFile(file, 1).recipients.length, 0);
  assert.deepEqual(pasted("4915112345678;Ada\n4915112345679").fields, ["phone", "name"]);
});

test("a plan becomes what the API takes", () => {
  assert.deepEqual(planFields(blankPlan, "main"), { delayMin: 2000, delayMax: 5000 });
  const full = { ...blankPlan, delayMin: "0.1", windows: [{ days: ["mon"], from: "09:00", to: "20:00" }, { days: ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], from: "22:00", to: "02:00" }],
    timeZone: "Asia/Kolkata", maxPerHour: "200", sessions: ["main", "second"], checkNumbers: true, startAt: "2026-03-09T08:00:00Z" };
  assert.deepEqual(planFields(full, "main"), { delayMin: 100, delayMax: 5000, startAt: "2026-03-09T08:00:00.000Z", timeZone: "Asia/Kolkata", maxPerHour: 200,
    windows: [{ days: ["mon"], from: "09:00", to: "20:00" }, { from: "22:00", to: "02:00" }], sessions: ["second"], checkNumbers: true });
  assert.deepEqual(planProblems(full, Date.parse("2026-03-01")), {});
  for (const [field, value] of [["delayMin", "-1"], ["delayMax", "1"], ["delayMax", "x"], ["maxPerHour", "1.5"], ["startAt", "2030-01-01T00:00"], ["windows", [{ days: [], from: "09:00", to: "10:00" }]]]) {
    assert.ok(planProblems({ ...blankPlan, [field]: value }, Date.parse("2026-03-01"))[field], `${field} ${value}`);
  }
  assert.equal(takes(11, blankPlan, 1), 35_000);
  assert.equal(takes(11, { ...blankPlan, maxPerHour: "5" }, 1), 2 * 3_600_000);
});

test("how fast a job is, and what it is called", () => {
  assert.equal(rate([]), 0);
  assert.equal(rate([{ at: 0, processed: 0 }, { at: 30_000, processed: 10 }]), 20);
  assert.equal(rate([{ at: 61_000, processed: 10 }], 1_000), 10);
  assert.equal(stateOf({ status: "running", paused: true }), "paused");
  assert.equal(stateOf({ status: "failed", errorCode: "JOB_CANCELLED" }), "cancelled");
  assert.equal(stateOf({ status: "pending", waiting: { reason: "scheduled" } }), "scheduled");
  assert.equal(stateOf({ status: "completed", paused: true }), "completed");
});
