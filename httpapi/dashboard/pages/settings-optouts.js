// Who wants no bulk messages, and by which words people say so.
import { html, useEffect, useState } from "/dashboard/vendor/preact.js";
import { del, get, post, put } from "/dashboard/api.js";
import { useEvents, usePoll } from "/dashboard/live.js";
import { Busy, Empty, ErrorBox, Field, More, Time, confirm, toast } from "/dashboard/ui.js";

function Words({ may }) {
  const { data, error, again } = usePoll((signal) => get("/api/account/opt-out-words", undefined, { signal }), 0);
  const [stop, setStop] = useState("");
  const [start, setStart] = useState("");
  const [problem, setProblem] = useState(null);
  useEffect(() => {
    if (!data) return;
    setStop(data.stop.join(", "));
    setStart(data.start.join(", "));
  }, [data]);
  const list = (text) => text.split(",").map((word) => word.trim()).filter(Boolean);
  const save = async (e) => {
    e.preventDefault();
    setProblem(null);
    try {
      await put("/api/account/opt-out-words", { stop: list(stop), start: list(start) });
      toast("The words are saved.");
      again();
    } catch (refused) {
      setProblem(refused);
    }
  };
  if (error) return html`<${ErrorBox} error=${error} onRetry=${again} />`;
  if (!data) return html`<${Busy} />`;
  return html`<form onSubmit=${save} data-test="optout-words">
    <div class="row">
      <div class="col-md-6"><${Field} label="Words that opt out" help="A message that is one of them, and nothing else, counts. Separated by commas.">
        <input type="text" value=${stop} disabled=${!may} onInput=${(e) => setStop(e.target.value)} data-test="optout-stop" /><//></div>
      <div class="col-md-6"><${Field} label="Words that opt in again">
        <input type="text" value=${start} disabled=${!may} onInput=${(e) => setStart(e.target.value)} data-test="optout-start" /><//></div>
    </div>
    <${ErrorBox} error=${problem} />
    ${may && html`<button type="submit" class="btn btn-sm btn-primary" data-test="optout-save">Save the words</button>`}
  </form>`;
}

function People({ may, mayAdd }) {
  const [older, setOlder] = useState({ list: [], before: undefined });
  const [phone, setPhone] = useState("");
  const [problem, setProblem] = useState(null);
  const first = usePoll((signal) => get("/api/whatsapp/opt-outs", { limit: 20 }, { signal }), 0);
  const refresh = () => {
    setOlder({ list: [], before: undefined });
    first.again();
  };
  useEvents({ type: "optout" }, refresh);
  const more = async (before) => {
    const page = await get("/api/whatsapp/opt-outs", { limit: 20, before });
    setOlder((was) => ({ list: [...was.list, ...page.optOuts], before: page.nextBefore ?? "" }));
  };
  const add = async (e) => {
    e.preventDefault();
    setProblem(null);
    try {
      const { added } = await post("/api/whatsapp/opt-outs", { phone });
      toast(added ? "They get no bulk messages any more." : "They were on the list already.", added ? "success" : "info");
      setPhone("");
      refresh();
    } catch (refused) {
      setProblem(refused);
    }
  };
  const remove = async (one) => {
    const who = one.phone || one.lid;
    if (!(await confirm({ title: "Take them off the list?", body: `${who} gets bulk messages again.`, action: "Take off", danger: true }))) return;
    try {
      await del(`/api/whatsapp/opt-outs/${encodeURIComponent(who)}`);
      toast("They are off the list.");
    } catch (refused) {
      toast(refused.message, "danger");
    }
    refresh();
  };
  const all = [...(first.data?.optOuts ?? []), ...older.list];
  return html`<div data-test="optouts">
    ${mayAdd && html`<form class="row g-2 align-items-end mb-2" onSubmit=${add}>
      <div class="col-sm-6 col-lg-4"><${Field} label="Put somebody on the list" class="mb-0">
        <input type="tel" required placeholder="+91 98765 43210" value=${phone} onInput=${(e) => setPhone(e.target.value)} data-test="optout-phone" /><//></div>
      <div class="col-auto"><button type="submit" class="btn btn-outline-primary" data-test="optout-add">Add</button></div>
    </form>`}
    <${ErrorBox} error=${problem ?? first.error} />
    ${first.data && all.length === 0 && html`<${Empty}><p class="mb-0">Nobody has opted out.</p><//>`}
    ${all.length > 0 && html`<div class="table-responsive"><table class="table table-sm align-middle">
      <thead><tr><th scope="col">Who</th><th scope="col">How</th><th scope="col">Since</th><th scope="col"><span class="visually-hidden">Take off</span></th></tr></thead>
      <tbody>${all.map((one) => html`<tr key=${one.id} data-test="optout"><td class="text-break">${one.phone ? `+${one.phone}` : one.lid}</td>
        <td>${one.source === "message" ? `said “${one.word}”` : "added here or by the API"}</td><td><${Time} at=${one.optedOutAt} /></td>
        <td class="text-end">${may && html`<button type="button" class="btn btn-sm btn-outline-danger" onClick=${() => remove(one)} data-test="optout-remove"
          aria-label=${`Take ${one.phone || one.lid} off the list`}>Take off</button>`}</td></tr>`)}</tbody>
    </table></div>`}
    <${More} cursor=${older.before ?? first.data?.nextBefore} onMore=${more} />
  </div>`;
}

// OptOuts takes whether the words and the list may be changed, and whether people may be put on it.
export function OptOuts({ may, mayAdd }) {
  return html`<section aria-label="Opt-outs">
    <h2 class="h5">Opting out of bulk messages</h2>
    <${Words} may=${may} />
    <hr />
    <${People} may=${may} mayAdd=${mayAdd} />
  </section>`;
}
