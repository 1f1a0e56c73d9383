// Bundles the libraries that package-lock.json pins into the files beside this
// script. `make vendor` runs it in a directory of its own, where npm has installed
// them, and gives the directory to write to.
import { build } from "esbuild";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import path from "node:path";

const target = path.resolve(process.argv[2]);

// What each bundle exports is all that the dashboard uses of the libraries.
const bundles = {
  "preact.js": `
    import { h } from "preact";
    import htm from "htm";
    export { h, render, Fragment, Component, cloneElement, createContext, createRef, toChildArray } from "preact";
    export * from "preact/hooks";
    export const html = htm.bind(h);`,
  "bootstrap.js": `
    export { Alert, Button, Carousel, Collapse, Dropdown, Modal, Offcanvas, Popover, ScrollSpy, Tab, Toast, Tooltip } from "bootstrap";`,
  "uplot.js": `
    export { default } from "uplot";`,
};

const styles = {
  "bootstrap.min.css": "bootstrap/dist/css/bootstrap.min.css",
  "uplot.css": "uplot/dist/uPlot.min.css",
};

const libraries = [
  ["preact", "LICENSE", "preact.js"],
  ["htm", "LICENSE", "preact.js"],
  ["bootstrap", "LICENSE", "bootstrap.js, bootstrap.min.css"],
  ["@popperjs/core", "LICENSE.md", "bootstrap.js"],
  ["uplot", "LICENSE", "uplot.js, uplot.css"],
];

for (const [name, contents] of Object.entries(bundles)) {
  await build({
    stdin: { contents, resolveDir: process.cwd(), sourcefile: name },
    outfile: path.join(target, name),
    bundle: true, format: "esm", minify: true, sourcemap: false, target: "es2022",
    legalComments: "none", // the licences stand in files of their own
    define: { "process.env.NODE_ENV": '"production"' },
    logLevel: "warning",
  });
}

for (const [name, source] of Object.entries(styles)) {
  // A source map that is not served would only be asked for in vain.
  const css = await readFile(path.join("node_modules", source), "utf8");
  await writeFile(path.join(target, name), css.replace(/\/\*# sourceMappingURL=.*?\*\/\s*$/, ""));
}

const rows = [];
for (const [name, licence, files] of libraries) {
  const about = JSON.parse(await readFile(path.join("node_modules", name, "package.json"), "utf8"));
  const kept = `LICENSE-${name.replace(/^@/, "").replace("/", "-")}.txt`;
  await copyFile(path.join("node_modules", name, licence), path.join(target, kept));
  rows.push(`| ${name} | ${about.version} | ${about.license} (\`${kept}\`) | https://www.npmjs.com/package/${name}/v/${about.version} | ${files} |`);
}

const sums = [];
for (const name of [...Object.keys(bundles), ...Object.keys(styles)].sort()) {
  const sum = createHash("sha256").update(await readFile(path.join(target, name))).digest("hex");
  sums.push(`${sum}  ${name}`);
}

await writeFile(path.join(target, "VENDOR.md"), `# The dashboard's libraries

Written by \`make vendor\`; don't edit what stands beside this file but package.json and build.mjs.

| Library | Version | Licence | Origin | In |
|---|---|---|---|---|
${rows.join("\n")}

\`package-lock.json\` holds the checksums of what npm delivers. To take newer versions,
put them into \`package.json\`, run \`npm install --package-lock-only --ignore-scripts\` in this
directory, then \`make vendor\`, and look at the pages. To verify that the files are what
the lock file says, run \`make vendor\`: it must change nothing.

The files' SHA-256, which a test holds against them:

\`\`\`
${sums.join("\n")}
\`\`\`
`);
