// What the virtual phones are asked for, and how what they say is put into words.
import { del, get, post } from "/dashboard/api.js";

// people are the phones that are offered first. Any other number is one, too.
export const people = [
  { number: "919876543210", label: "Your phone" },
  { number: "919876543211", label: "A friend" },
  { number: "919876543212", label: "A customer" },
];

// pretty writes a number as people do: those of India in groups, others behind a plus.
export function pretty(number) {
  const india = /^91(\d{5})(\d{5})$/.exec(number);
  return india ? `+91 ${india[1]} ${india[2]}` : `+${number}`;
}

const path = (number, rest = "") => `/sandbox/phones/${encodeURIComponent(number)}${rest}`;

// look is a phone and its chats.
export async function look(number, signal) {
  const [phone, { chats }] = await Promise.all([
    get(path(number), undefined, { signal }), get(path(number, "/chats"), undefined, { signal }),
  ]);
  return { phone, chats };
}

// others are the phones that somebody has used.
export const others = async (signal) => (await get("/sandbox/phones", undefined, { signal })).phones;

// read lists the messages of a chat.
export const read = (number, chat, signal) => get(path(number, `/chats/${encodeURIComponent(chat)}`), { limit: 100 }, { signal });

export const act = (number, what, body) => post(path(number, `/${what}`), body);
export const scan = (number, qr) => post(`${path(number, "/scan")}?wait=60`, { qr });
export const enter = (number, code) => post(`${path(number, "/code")}?wait=60`, { code });
export const unlink = (number, device) => del(path(number, `/devices/${device}`));
export const trouble = (number, fault) => post("/sandbox/faults", { number, ...fault });
export const end = (fault) => del(`/sandbox/faults/${encodeURIComponent(fault)}`);

// file is the address of a message's file.
export const file = (number, id) => path(number, `/files/${encodeURIComponent(id)}`);

// mostBytes is how large a file may be: it travels as base64 in a body of a megabyte.
export const mostBytes = 700_000;

// inBase64 reads a file.
export function inBase64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(new Error("The file can't be read."));
    reader.readAsDataURL(blob);
  });
}

// attachment makes of a file what a phone sends: it knows the kind by the type, and
// makes pictures smaller, as phones do.
export async function attachment(blob, name) {
  const [family] = blob.type.split("/");
  let kind = ["image", "video", "audio"].includes(family) ? family : "document";
  if (kind === "image") blob = await smaller(blob).catch(() => ((kind = "document"), blob));
  if (blob.size > mostBytes) throw new Error(`A virtual phone sends files of up to ${Math.floor(mostBytes / 1000)} kB.`);
  const media = { kind, mime: blob.type, data: await inBase64(blob) };
  if (kind === "document") media.fileName = name;
  if (blob.type.startsWith("audio/ogg")) media.voice = true;
  return media;
}

async function smaller(blob) {
  const picture = await createImageBitmap(blob);
  const scale = Math.min(1, 1280 / Math.max(picture.width, picture.height));
  if (scale === 1 && blob.size <= mostBytes && /^image\/(jpeg|png)$/.test(blob.type)) return blob;
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  return toBlob(canvas);
}

const toBlob = (canvas) => new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.8));

// drawn is a picture for those who have none at hand: hills under a sun.
export function drawn() {
  const canvas = document.createElement("canvas");
  canvas.width = 480;
  canvas.height = 320;
  const pen = canvas.getContext("2d");
  const sky = pen.createLinearGradient(0, 0, 0, 320);
  sky.addColorStop(0, "#7db9e8");
  sky.addColorStop(1, "#fdf2d0");
  const shape = (colour, draw) => {
    pen.fillStyle = colour;
    pen.beginPath();
    draw();
    pen.fill();
  };
  pen.fillStyle = sky;
  pen.fillRect(0, 0, 480, 320);
  shape("#ffd75e", () => pen.arc(370, 80, 40, 0, 2 * Math.PI));
  shape("#5d9a5d", () => pen.ellipse(120, 330, 260, 130, 0, 0, 2 * Math.PI));
  shape("#3f7a4a", () => pen.ellipse(400, 350, 260, 150, 0, 0, 2 * Math.PI));
  return toBlob(canvas);
}
