import assert from "node:assert/strict";
import { test } from "node:test";
import { faultOf, fill, parse, placeholders } from "./pages/bulk-recipients.js";
import { fieldsOf, head, renamed } from "./pages/bulk-csv.js";

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
  assert.equal(line, `"phone";"to (other)"\n`);
  assert.deepEqual(head(line + file.slice(got.headerEnd)), { ...head(`"phone";"to (other)"\n4915112345678;Berlin\n`) });
});
