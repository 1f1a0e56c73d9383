// standardwebhooks, which checks what the daemon signs itself.
import { Webhook } from "standardwebhooks";
import { run, serve, settings, tell } from "./harness.mjs";

const hook = new Webhook(settings.secret);

await serve(({ headers, body }) => {
  try {
    const event = hook.verify(body, headers);
    tell({ received: { kind: event.event, id: event.data.id, text: event.data.body, status: event.data.status, raw: body, headers } });
    return [200, ""];
  } catch (error) {
    tell({ received: { refused: true, why: error.message } });
    return [401, ""];
  }
});

await run({
  verify: ({ body, headers }) => hook.verify(body, headers) !== undefined,
});
