// Sends an update bundle piece by piece (docs/formats/slot.md). The appliance knows how far it is, so
// after a cut connection or a reload the same file goes on where it was.
import { hooks, Problem, type Schemas } from './api';

const PIECE = 1024 * 1024;
const AGAIN_MS = 3000;
const AGAIN_MAX = 20;
const MAGIC = 'CKSLOT\0\u0001';
export type Update = Schemas['Update'];

async function send(piece: number, bytes: Blob): Promise<Update> {
  const r = await fetch(`/api/v1/system/update/pieces/${piece}`, {
    method: 'POST', credentials: 'same-origin', body: bytes,
    headers: { Accept: 'application/json', 'Content-Type': 'application/octet-stream', 'X-CSRF-Token': hooks.csrf() },
  });
  const body = await r.json();
  if (!r.ok) throw new Problem(r.status, body.title, body.detail, body.field, body.state);
  return body as Update;
}

const wait = (ms: number) => new Promise((done) => { setTimeout(done, ms); });

/* No answer, or one that says "in a moment": the piece may be sent again. */
async function sendAgain(piece: number, bytes: Blob, stopped: () => boolean): Promise<Update> {
  for (let i = 1; ; i++) {
    try {
      return await send(piece, bytes);
    } catch (e) {
      if ((e instanceof Problem && e.status !== 503) || i === AGAIN_MAX || stopped()) throw e;
    }
    await wait(AGAIN_MS);
  }
}

export async function isBundle(file: File): Promise<boolean> {
  return file.size > PIECE && (await file.slice(0, MAGIC.length).text()) === MAGIC;
}

export async function upload(file: File, tell: (u: Update) => void, stopped: () => boolean): Promise<void> {
  let now = await sendAgain(0, file.slice(0, PIECE), stopped);
  tell(now);
  if (Math.ceil(file.size / PIECE) !== now.pieces + 1)
    throw new Problem(0, 'Cut off', `${file.name} is cut off: it has ${Math.ceil(file.size / PIECE)} pieces, expected ${now.pieces + 1}. Fetch it again.`);
  while (now.phase === 'receiving' && !stopped()) {
    const at = now.next * PIECE;
    now = await sendAgain(now.next, file.slice(at, at + PIECE), stopped);
    tell(now);
  }
}

