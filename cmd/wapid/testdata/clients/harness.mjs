// What the drivers share. A driver tells the test on standard output, a JSON object a
// line: {"listening":port}, {"tag":n,"result":…}, {"tag":n,"error":…}, {"tag":n,"lacks":why}
// and {"received":…}. The test gives orders on standard input: {"tag":n,"do":name,…}.
import { createServer } from "node:http";
import { createInterface } from "node:readline";

const out = process.stdout.write.bind(process.stdout);
// Some libraries print while they work.
for (const name of ["log", "info", "warn"]) {
  console[name] = (...args) => console.error(...args);
}

export const settings = JSON.parse(process.env.CLIENT);

export function tell(line) {
  out(JSON.stringify(line) + "\n");
}

export function lacks(why) {
  return () => ({ lacks: why });
}

// shown is what is left of an error on its way to the test: all that the library has put
// on it, as JSON.
function shown(error) {
  if (error === null || typeof error !== "object") {
    return { message: String(error) };
  }
  return { name: error.name, message: error.message, ...JSON.parse(JSON.stringify(error)) };
}

// run obeys the test with a driver's calls until standard input ends.
export async function run(calls) {
  process.on("uncaughtException", (error) => tell({ crashed: shown(error) }));
  process.on("unhandledRejection", (error) => tell({ crashed: shown(error) }));
  for await (const line of createInterface({ input: process.stdin })) {
    const { tag, do: name, ...args } = JSON.parse(line);
    try {
      const result = await calls[name](args);
      tell(result && result.lacks ? { tag, lacks: result.lacks } : { tag, result: result === undefined ? null : result });
    } catch (error) {
      tell({ tag, error: shown(error) });
    }
  }
  process.exit(0);
}

// serve runs a web server around a library that has none of its own. answer returns the
// status and the text.
export async function serve(answer) {
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) {
      parts.push(part);
    }
    const url = new URL(request.url, "http://localhost");
    try {
      const [status, text] = await answer({
        method: request.method, headers: request.headers, query: Object.fromEntries(url.searchParams), body: Buffer.concat(parts).toString(),
      });
      response.statusCode = status;
      response.end(text);
    } catch (error) {
      tell({ crashed: shown(error) });
      response.statusCode = 500;
      response.end();
    }
  });
  await new Promise((done) => server.listen(settings.port, "127.0.0.1", done));
  tell({ listening: settings.port });
}

export async function sha256(bytes) {
  return Buffer.from(await crypto.subtle.digest("SHA-256", bytes)).toString("hex");
}
