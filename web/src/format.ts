// Dates as DD-Mon-YYYY, times relative and exact, counts, bytes of colour for states.
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (n: number) => String(n).padStart(2, '0');

export function date(text: string): string {
  const d = new Date(text);
  return `${two(d.getDate())}-${MONTHS[d.getMonth()]}-${d.getFullYear()}`;
}

export function clock(text: string, seconds = false): string {
  const d = new Date(text);
  return `${two(d.getHours())}:${two(d.getMinutes())}${seconds ? `:${two(d.getSeconds())}` : ''}`;
}

function offset(d: Date): string {
  const min = -d.getTimezoneOffset();
  if (min === 0) return 'UTC';
  const abs = Math.abs(min);
  return `UTC${min < 0 ? '-' : '+'}${two(Math.floor(abs / 60))}:${two(abs % 60)}`;
}

export function exact(text: string): string {
  return `${date(text)} ${clock(text, true)} ${offset(new Date(text))}`;
}

const UNITS: [number, string][] = [[31536000, 'year'], [2592000, 'month'], [86400, 'day'], [3600, 'hour'], [60, 'minute'], [1, 'second']];

/* Days up to 60 days, then months: "in 47 days" is how certificates are spoken of. */
export function relative(text: string, now = Date.now()): string {
  const s = Math.round((new Date(text).getTime() - now) / 1000);
  const abs = Math.abs(s);
  if (abs < 5) return 'now';
  for (const [size, name] of UNITS) {
    if (abs < size || (name === 'month' && abs < 60 * 86400) || (name === 'year' && abs < 2 * 31536000)) continue;
    const n = Math.floor(abs / size);
    const words = `${n} ${name}${n === 1 ? '' : 's'}`;
    return s < 0 ? `${words} ago` : `in ${words}`;
  }
  return 'now';
}

export function daysLeft(text: string, now = Date.now()): number {
  return Math.floor((new Date(text).getTime() - now) / 86400000);
}

export function duration(from: string | null | undefined, to: string | null | undefined, now = Date.now()): string {
  if (!from) return '';
  const ms = (to ? new Date(to).getTime() : now) - new Date(from).getTime();
  if (ms < 1000) return `${Math.max(0, ms)} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(1)} s`;
  const s = Math.floor(ms / 1000);
  return s < 3600 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

export function count(n: number): string {
  return n.toLocaleString('en-GB');
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

export type Tone = 'ok' | 'warn' | 'bad' | 'info' | 'soft';
const TONES: Record<string, [Tone, string]> = {
  Deployed: ['ok', '✓'], Issued: ['ok', '✓'], Active: ['ok', '✓'], Done: ['ok', '✓'], Ready: ['ok', '✓'],
  'Certificate Issued': ['ok', '✓'], 'No Change': ['ok', '='], ok: ['ok', '✓'], imported: ['ok', '✓'], done: ['ok', '✓'], Operational: ['ok', '●'],
  Compliant: ['ok', '✓'], Findings: ['warn', '!'],
  Running: ['info', '…'], Queued: ['info', '…'], Waiting: ['info', '…'], Validating: ['info', '…'], 'Order Pending': ['info', '…'],
  'CSR Pending': ['info', '…'], 'Validation Pending': ['info', '…'], 'Approval Pending': ['info', '…'],
  'Deployment Pending': ['info', '…'], running: ['info', '…'], 'Needs Approval': ['warn', '?'], warn: ['warn', '!'],
  'Configuration Pending': ['warn', '!'], 'Bot Unassigned': ['warn', '!'], Unverified: ['warn', '?'], Degraded: ['warn', '!'],
  Locked: ['warn', '●'], 'Rolled Back': ['bad', '↺'], 'rolled back': ['bad', '↺'], Failed: ['bad', '✕'], failed: ['bad', '✕'],
  'Deployment Failed': ['bad', '✕'], Rejected: ['bad', '✕'], Error: ['bad', '✕'], Unreachable: ['bad', '✕'],
  'Auth Failed': ['bad', '✕'], Revoked: ['bad', '✕'], denied: ['bad', '✕'], refused: ['bad', '✕'], Expired: ['bad', '!'],
  Valid: ['ok', '✓'], 'Name mismatch': ['bad', '!'], 'Chain incomplete': ['warn', '!'], 'Revocation unknown': ['warn', '?'], 'Not yet valid': ['warn', '!'],
};
export function tone(word: string): [Tone, string] {
  return TONES[word] ?? ['soft', '·'];
}
