// From what somebody has filled in to the request that the API takes.

// kinds of messages in the order of the form: what each has beside its recipient.
// file says what a file chooser offers.
export const kinds = {
  text: { label: "Text", text: "Message", decorated: true, mentions: true, preview: true, quote: true },
  image: { label: "Photo", file: "image/jpeg,image/png,image/webp,image/gif", text: "Caption", decorated: true, mentions: true, once: true, quote: true },
  video: { label: "Video", file: "video/mp4,video/quicktime,video/3gpp", text: "Caption", decorated: true, mentions: true, once: true, quote: true },
  document: { label: "Document", file: "*/*", text: "Caption", decorated: true, mentions: true, named: true, quote: true },
  audio: { label: "Audio", file: "audio/*", quote: true },
  voice: { label: "Voice message", file: ".ogg,.opus,audio/ogg", once: true, quote: true },
  sticker: { label: "Sticker", file: "image/webp,image/png,image/jpeg", quote: true },
  location: { label: "Location", text: "Comment", quote: true },
  contact: { label: "Contact", quote: true },
  poll: { label: "Poll", text: "Question", decorated: true, quote: true },
  reaction: { label: "Reaction", target: true },
  edit: { label: "Edit a message", text: "New text", decorated: true, mentions: true, target: true },
  revoke: { label: "Delete a message", target: true },
};

// blank is an empty form.
export const blank = {
  kind: "text", message: "", header: "", footer: "", source: "file", file: null, mediaUrl: "", fileName: "", mediaMimeType: "",
  latitude: "", longitude: "", locationName: "", locationAddress: "", contacts: [{ name: "", phone: "" }],
  options: ["", ""], selectableCount: "1", emoji: "👍", messageId: "", quotedMessageId: "", mentions: "", linkPreview: false,
  viewOnce: false, wait: true, ttl: "",
};

const lines = (text) => text.split(/[\s,;]+/).filter((one) => one !== "");

// problems are the fields that keep a form from being sent: {field: why}.
export function problems(form) {
  const kind = kinds[form.kind], found = {};
  const wants = (field, why) => {
    if (String(form[field] ?? "").trim() === "") found[field] = why;
  };
  if (kind.file) {
    if (form.source === "url") wants("mediaUrl", "Where is the file?");
    else if (!form.file) found.file = "Choose a file.";
  }
  if (form.kind === "text" || form.kind === "edit") wants("message", "Write something.");
  if (form.kind === "poll") {
    wants("message", "Ask something.");
    const options = form.options.map((o) => o.trim()).filter(Boolean);
    if (options.length < 2) found.options = "A poll needs two options at least.";
    if (new Set(options).size < options.length) found.options = "Two options are the same.";
  }
  if (form.kind === "location") {
    range(found, "latitude", form.latitude, 90);
    range(found, "longitude", form.longitude, 180);
  }
  if (form.kind === "contact" && cards(form).length === 0) found.contacts = "A contact needs a name and a number.";
  if (kind.target) wants("messageId", "Which message?");
  return found;
}

function range(found, field, value, most) {
  const n = Number(value);
  if (String(value).trim() === "" || !Number.isFinite(n) || Math.abs(n) > most) found[field] = `A number from −${most} to ${most}.`;
}

function cards(form) {
  return form.contacts.map((c) => ({ name: c.name.trim(), phone: c.phone.trim() })).filter((c) => c.name && c.phone);
}

// body is the request without its recipient and its file.
export function body(form) {
  const kind = kinds[form.kind], out = {};
  const put = (field, value) => {
    if (value !== undefined && value !== "" && value !== false && !(Array.isArray(value) && value.length === 0)) out[field] = value;
  };
  put("type", form.kind === "voice" ? "audio" : form.kind);
  if (form.kind === "voice") out.ptt = true;
  if (kind.text) put("message", form.message);
  if (kind.decorated) {
    put("header", form.header);
    put("footer", form.footer);
  }
  if (kind.mentions) put("mentions", lines(form.mentions));
  if (kind.preview) put("linkPreview", form.linkPreview);
  if (kind.once) put("viewOnce", form.viewOnce);
  if (kind.quote) put("quotedMessageId", form.quotedMessageId.trim());
  if (kind.target) put("messageId", form.messageId.trim());
  if (kind.file) {
    if (form.source === "url") put("mediaUrl", form.mediaUrl.trim());
    if (kind.named) put("fileName", form.fileName.trim());
    put("mediaMimeType", form.mediaMimeType.trim());
  }
  if (form.kind === "reaction") out.emoji = form.emoji; // an empty one takes it back
  if (form.kind === "poll") {
    out.options = form.options.map((o) => o.trim()).filter(Boolean);
    out.selectableCount = Number(form.selectableCount);
  }
  if (form.kind === "location") {
    out.latitude = Number(form.latitude);
    out.longitude = Number(form.longitude);
    put("locationName", form.locationName.trim());
    put("locationAddress", form.locationAddress.trim());
  }
  if (form.kind === "contact") out.contacts = cards(form);
  return out;
}

// file is the one that goes with a form, if any.
export function file(form) {
  return kinds[form.kind].file && form.source === "file" ? form.file : null;
}

// parts are the fields of a request as a multipart form has them: what is not text is
// written as in JSON.
export function parts(fields) {
  return Object.entries(fields).map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]);
}

// shown is the message that a form would send, as a log tells it, for the preview.
export function shown(form, text) {
  const fields = body(form);
  const m = { direction: "out", type: form.kind, message: text, status: "pending" };
  if (kinds[form.kind].file) {
    m.media = { fileName: form.fileName.trim() || form.file?.name || form.mediaUrl.split(/[?#]/)[0].split("/").pop() || "file", size: file(form)?.size };
  }
  if (form.kind === "poll") m.poll = { question: text, options: fields.options, selectableCount: fields.selectableCount };
  if (form.kind === "location") m.location = { latitude: fields.latitude, longitude: fields.longitude, name: fields.locationName, address: fields.locationAddress };
  if (form.kind === "contact") m.contacts = fields.contacts;
  if (form.viewOnce && kinds[form.kind].once) m.viewOnce = true;
  return m;
}
