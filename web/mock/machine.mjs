// The machine of the stand-in: two slots, and an update that is received, checked and committed.
import { emit } from './work.mjs';

const bad = (status, code, detail) => ({ error: { type: `urn:certkeep:error:${code}`, title: 'Refused', status, detail } });
const slot = (name, more) => ({ name, running: false, healthy: false, complete: false, blessed: false, next: false, failed: false, tries: null, version: null, built: null, rollback: null, bytes: null, why: null, error: null, ...more });
const IMAGE = { complete: true, tries: 7, built: '2026-10-01T08:00:00Z', rollback: 3, bytes: 62914560 };

/* Tests choose what they begin with: POST /mock {"machine": "none" | "plain" | "fell back" | "proving"}. */
export const machine = {};
export function setMachine(kind) {
  Object.assign(machine, {
    appliance: kind !== 'none', fell_back: kind === 'fell back',
    slots: kind === 'none' ? [] : [
      slot('a', { ...IMAGE, running: true, healthy: kind !== 'proving', blessed: kind !== 'proving', version: '1.0.0' }),
      kind === 'fell back' ? slot('b', { ...IMAGE, failed: true, tries: 0, version: '1.1.0', why: 'it was started and did not prove healthy' }) : slot('b', {}),
    ],
    update: { phase: 'idle', slot: 'b', version: null, pieces: 0, next: 0, healthy: kind !== 'proving', unproven: kind === 'proving' ? 'admin UI: it does not answer' : null, floor: 3, problem: null },
  });
}
setMachine('plain');

const changed = () => emit('change', { record: 'system', id: 'update', deleted: false });
const system = () => ({
  appliance: machine.appliance, version: '1.0.0', board: machine.appliance ? 'vm-x86_64' : null, uptime_s: 86400, time: new Date().toISOString(),
  slots: machine.slots, fell_back: machine.fell_back,
  last_start: machine.fell_back ? 'fell back to version 1.0.0 in slot a: version 1.1.0 in slot b was installed later, but it was started and did not prove healthy' : machine.appliance ? 'version 1.0.0 runs from slot a' : null,
});

function piece({ id, bytes }) {
  const u = machine.update, n = Number(id);
  if (!u.healthy) return bad(409, 'conflict', `the running system (slot a) has not proven healthy since it was started. Not proven yet: ${u.unproven}`);
  if (n === 0 && bytes.includes('rack-x86_64')) return bad(400, 'input', 'it is for the board rack-x86_64, this is vm-x86_64');
  if (n === 0) {
    if (u.phase !== 'receiving') Object.assign(u, { phase: 'receiving', version: '1.1.0', pieces: bytes.readUInt32BE(12), next: 1, problem: null });
  } else if (n > u.next) return bad(409, 'conflict', `piece ${n}: piece ${u.next} comes next`);
  else if (n === u.next) u.next++;
  if (u.pieces && u.next > u.pieces) u.phase = 'received';
  changed();
  return { body: u };
}

function commit() {
  const u = machine.update;
  if (u.phase !== 'received') return bad(409, 'conflict', 'the update is not complete: send its pieces first');
  u.phase = 'checking';
  setTimeout(() => {
    Object.assign(u, { phase: 'committed', pieces: 0, next: 0 });
    machine.slots[1] = slot('b', { ...IMAGE, next: true, tries: 3, version: u.version });
    changed();
  }, 500);
  return { status: 202, body: u };
}

export const machineRoutes = (P) => [
  ['GET', P('/system'), () => ({ body: system() })],
  ['GET', P('/system/update'), () => ({ body: machine.update })],
  ['POST', P('/system/update/pieces/([0-9]+)'), piece],
  ['POST', P('/system/update/commit'), commit],
  ['POST', P('/system/update/restart'), () => (machine.update.phase === 'committed' ? { status: 204 } : bad(409, 'conflict', 'no update is committed: a restart would start the version that runs'))],
];
