// A small chat program around Baileys, a WhatsApp Web client that this project
// did not write, for the tests that hold the simulated network against it.
//
//   SSL_CERT_FILE=ca.pem SSL_CERT_DIR=/nowhere \
//     node --use-openssl-ca client.mjs NETWORK.json STATE-DIRECTORY
//
// NETWORK.json is what `wapid sim --describe` writes. Its CA must come through
// SSL_CERT_FILE: that is the one place which the websocket, uploads and
// downloads (fetch) all look at, and it makes Node trust nobody else.
//
// Commands come in as one JSON object a line, `{"tag", "do", …}`, and each is
// answered by `{"event":"done","tag",…}` or `{"event":"failed","tag","error"}`.
// Everything else that happens goes out as events of the same form. Logs go to
// stderr when BAILEYS_LOG names a level (trace, debug, info, warn, error).
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

const levels = ['trace', 'debug', 'info', 'warn', 'error'];
const quietest = levels.indexOf(process.env.BAILEYS_LOG ?? '');
const logger = { level: process.env.BAILEYS_LOG ?? 'silent', child: () => logger };
for (const [rank, level] of levels.entries()) {
  logger[level] = (...what) => {
    if (quietest >= 0 && rank >= quietest) process.stderr.write(`${level} ${what.map(readable).join(' ')}\n`);
  };
}

function readable(what) {
  if (typeof what === 'string') return what;
  if (what instanceof Error) return what.stack;
  return JSON.stringify(what, (_, v) => (v instanceof Error ? v.stack : v));
}

// libsignal prints through the console; stdout belongs to the events.
for (const method of ['log', 'info', 'warn', 'error', 'debug']) console[method] = logger.debug;

// Imported only now, so that nothing is printed before the console is ours.
const baileys = await import('baileys');
const { WA_CERT_DETAILS } = await import('baileys/lib/Defaults/index.js');
const { DisconnectReason, WAMessageStatus } = baileys;

const [networkFile, stateDirectory] = process.argv.slice(2);
const network = JSON.parse(await readFile(networkFile, 'utf8'));
WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(network.noiseRootKey, 'hex');

const say = event => process.stdout.write(JSON.stringify(event) + '\n');

const { state, saveCreds } = await baileys.useMultiFileAuthState(stateDirectory);
let saving = Promise.resolve(); // The last write of the credentials.
const messages = new Map(); // By id: for keys, downloads and retries.
const leaving = new Map(); // Promises of messages that are being sent, by id.
let sock;

// connect opens a socket and, as Baileys' own example does, another one when the
// network asks for a restart after linking.
function connect() {
  sock = baileys.default({
    waWebSocketUrl: `wss://${network.address}/ws/chat`,
    auth: { creds: state.creds, keys: baileys.makeCacheableSignalKeyStore(state.keys, logger) },
    logger,
    appStateMacVerification: { patch: true, snapshot: true },
    // A fast recipient asks again before sendMessage has returned.
    getMessage: async key => (messages.get(key.id) ?? (await leaving.get(key.id)))?.message,
  });
  // Receipts are told as they come in: of several that come at once, Baileys'
  // own events keep the last, though it says less than one before it.
  sock.ws.on('CB:receipt', ({ attrs }) => {
    say({ event: 'receipt', id: attrs.id, chat: attrs.from, from: attrs.participant ?? attrs.from, state: attrs.type ?? 'delivered' });
  });
  sock.ev.process(async events => {
    if (events['creds.update']) {
      saving = saveCreds();
      const { me } = events['creds.update'];
      if (me) say({ event: 'me', id: me.id, lid: me.lid, name: me.name });
    }
    if (events['connection.update']) tellConnection(events['connection.update']);
    for (const message of events['messages.upsert']?.messages ?? []) {
      await tellMessage(message, events['messages.upsert'].type);
    }
    for (const { key, update } of events['messages.update'] ?? []) tellUpdate(key, update);
    for (const { key, reaction } of events['messages.reaction'] ?? []) {
      say({ event: 'reaction', id: key.id, text: reaction.text, from: reaction.key?.participant ?? reaction.key?.remoteJid });
    }
    for (const group of events['groups.upsert'] ?? []) say({ event: 'group', group: group.id, subject: group.subject });
    if (events['group-participants.update']) {
      const { id, action, author, participants } = events['group-participants.update'];
      say({ event: 'participants', group: id, action, from: author, people: participants.map(p => p.id) });
    }
    for (const [chat, who] of Object.entries(events['presence.update']?.presences ?? {})) {
      say({ event: 'presence', chat, state: who.lastKnownPresence });
    }
    for (const change of events['groups.update'] ?? []) say({ event: 'changed', group: change.id, subject: change.subject, text: change.desc });
    if (events['messaging-history.set']) say({ event: 'history' });
  });
}

function tellConnection({ connection, qr, lastDisconnect, isNewLogin, receivedPendingNotifications, reachoutTimeLock }) {
  if (qr) say({ event: 'qr', qr });
  if (isNewLogin) say({ event: 'paired' });
  if (reachoutTimeLock) say({ event: 'timelock', on: reachoutTimeLock.isActive });
  if (connection === 'open') say({ event: 'open', id: sock.user.id, lid: sock.user.lid });
  if (receivedPendingNotifications) say({ event: 'caughtUp' });
  if (connection !== 'close') return;
  const code = lastDisconnect?.error?.output?.statusCode ?? 0;
  say({ event: 'close', code, error: lastDisconnect?.error?.message });
  if (code === DisconnectReason.restartRequired) connect();
}

async function tellMessage(message, kind) {
  const { key } = message;
  const told = {
    event: 'message', id: key.id, chat: key.remoteJid, chatAlt: key.remoteJidAlt, participant: key.participant,
    participantAlt: key.participantAlt, fromMe: Boolean(key.fromMe), kind, pushName: message.pushName,
    stub: message.messageStubType || undefined, stubs: message.messageStubParameters,
  };
  if (message.message) {
    messages.set(key.id, message);
    const content = baileys.normalizeMessageContent(message.message);
    told.type = baileys.getContentType(content);
    const part = content[told.type];
    told.text = typeof part === 'string' ? part : (part?.text ?? part?.caption ?? part?.name);
    told.quoted = part?.contextInfo?.stanzaId || undefined;
    told.quotedType = baileys.getContentType(part?.contextInfo?.quotedMessage ?? undefined);
    told.mentions = part?.contextInfo?.mentionedJid?.length ? part.contextInfo.mentionedJid : undefined;
    told.expires = part?.contextInfo?.expiration || undefined;
    told.once = part?.viewOnce || undefined;
    told.voice = part?.ptt || undefined;
    told.place = part?.degreesLatitude === undefined ? undefined : `${part.degreesLatitude} ${part.degreesLongitude}`;
    told.cards = part?.contacts?.map(c => c.vcard) ?? (part?.vcard ? [part.vcard] : undefined);
    told.options = part?.options?.map(o => o.optionName);
    if (part?.mediaKey) await addMedia(told, message, part);
    if (content.pollUpdateMessage) tellVote(key, content.pollUpdateMessage);
  }
  say(told);
  // What came before the message was told is in it already.
  if (told.fromMe && message.status > WAMessageStatus.SERVER_ACK) tellUpdate(key, { status: message.status });
}

// addMedia downloads and decrypts the file of a message.
async function addMedia(told, message, part) {
  told.mime = part.mimetype;
  told.declaredSha256 = Buffer.from(part.fileSha256).toString('hex');
  try {
    const context = { logger, reuploadRequest: sock.updateMediaMessage };
    const file = await baileys.downloadMediaMessage(message, 'buffer', {}, context);
    told.mediaSha256 = createHash('sha256').update(file).digest('hex');
  } catch (error) {
    told.mediaError = error.message;
  }
}

// tellVote opens a vote in a poll of ours. Its key is bound to the addresses of
// asker and voter in one of their two forms.
function tellVote(key, { vote, pollCreationMessageKey }) {
  const poll = messages.get(pollCreationMessageKey.id)?.message;
  if (!poll) return;
  const { options } = poll.pollCreationMessage ?? poll.pollCreationMessageV2 ?? poll.pollCreationMessageV3;
  const nameOf = hash => options.find(o => createHash('sha256').update(o.optionName).digest().equals(hash))?.optionName;
  for (const asker of [sock.user.id, sock.user.lid]) {
    for (const voter of [key.remoteJid, key.remoteJidAlt]) {
      try {
        const opened = baileys.decryptPollVote(vote, {
          pollEncKey: poll.messageContextInfo.messageSecret, pollMsgId: pollCreationMessageKey.id,
          pollCreatorJid: baileys.jidNormalizedUser(asker), voterJid: baileys.jidNormalizedUser(voter),
        });
        say({ event: 'vote', id: pollCreationMessageKey.id, people: opened.selectedOptions.map(h => nameOf(Buffer.from(h))) });
        return;
      } catch (error) {
        logger.debug('vote not opened', asker, voter, error);
      }
    }
  }
}

function tellUpdate(key, update) {
  if (update.status !== undefined) say({ event: 'status', id: key.id, chat: key.remoteJid, status: update.status, stubs: update.messageStubParameters });
  if (update.message) {
    messages.set(key.id, { key, message: update.message });
    const edited = baileys.normalizeMessageContent(update.message);
    const part = edited[baileys.getContentType(edited)];
    say({ event: 'edited', id: key.id, text: typeof part === 'string' ? part : (part?.text ?? part?.caption) });
  } else if (update.message === null) {
    say({ event: 'revoked', id: key.id });
  }
}

const known = id => {
  const message = messages.get(id);
  if (!message) throw new Error(`no message ${id}`);
  return message;
};

const send = async (to, content, options) => {
  const messageId = baileys.generateMessageIDV2(sock.user.id);
  const sending = sock.sendMessage(to, content, { ...options, messageId });
  leaving.set(messageId, sending.catch(() => undefined));
  try {
    messages.set(messageId, await sending);
  } finally {
    leaving.delete(messageId);
  }
  return { id: messageId };
};

const commands = {
  text: ({ to, text, quote }) => send(to, { text }, quote ? { quoted: known(quote) } : undefined),
  image: async ({ to, file, caption }) => send(to, { image: await readFile(file), caption, mimetype: 'image/png' }),
  poll: ({ to, text, people }) => send(to, { poll: { name: text, values: people, selectableCount: 1 } }),
  rename: async ({ text }) => sock.updateProfileName(text),
  timelock: async () => ({ on: (await sock.fetchAccountReachoutTimelock()).isActive }),
  block: async ({ to, on }) => sock.updateBlockStatus(to, on ? 'block' : 'unblock'),
  react: ({ id, text }) => send(known(id).key.remoteJid, { react: { key: known(id).key, text } }),
  edit: ({ id, text }) => send(known(id).key.remoteJid, { text, edit: known(id).key }),
  revoke: ({ id }) => send(known(id).key.remoteJid, { delete: known(id).key }),
  read: async ({ id }) => sock.readMessages([known(id).key]),
  typing: async ({ to, on }) => sock.sendPresenceUpdate(on ? 'composing' : 'paused', to),
  subscribe: async ({ to }) => sock.presenceSubscribe(to),
  exists: async ({ number }) => ({ found: (await sock.onWhatsApp(number)) ?? [] }),
  groupCreate: async ({ subject, people }) => summary(await sock.groupCreate(subject, people)),
  groupMetadata: async ({ group }) => summary(await sock.groupMetadata(group)),
  groupMembers: async ({ group, action, people }) => ({
    people: (await sock.groupParticipantsUpdate(group, people, action)).map(p => `${p.jid} ${p.status}`),
  }),
  groupSubject: async ({ group, subject }) => sock.groupUpdateSubject(group, subject),
  groupDescribe: async ({ group, text }) => sock.groupUpdateDescription(group, text),
  groupSetting: async ({ group, action }) => sock.groupSettingUpdate(group, action),
  groupLink: async ({ group }) => ({ invite: await sock.groupInviteCode(group) }),
  groupJoin: async ({ text }) => ({ group: await sock.groupAcceptInvite(text) }),
  groupLeave: async ({ group }) => sock.groupLeave(group),
  groupAll: async () => ({ people: Object.keys(await sock.groupFetchAllParticipating()) }),
  pairingCode: async ({ number }) => ({ pairingCode: await sock.requestPairingCode(number) }),
  logout: async () => sock.logout(),
};

const summary = group => ({
  group: group.id, subject: group.subject, text: group.desc, people: group.participants.map(p => `${p.id} ${p.admin ?? 'member'}`),
});

async function perform(command) {
  try {
    const outcome = await commands[command.do](command);
    say({ event: 'done', tag: command.tag, ...outcome });
  } catch (error) {
    logger.error(error);
    say({ event: 'failed', tag: command.tag, error: error.message });
  }
}

async function quit() {
  await sock.end(undefined);
  await saving;
  process.stdout.write('', () => process.exit(0));
}

connect();
createInterface({ input: process.stdin })
  .on('line', line => {
    const command = JSON.parse(line);
    if (command.do === 'quit') quit();
    else perform(command);
  })
  .on('close', quit);
