// The one event stream: tells which records changed, follows one job while its page is open, and
// says whether the stream is live. After a gap everything that listens is told to read again.
import { session, state, loadState } from './session';
import { store } from './store';

export const live = store(false);

type Listener = { records: string[]; fn: () => void };
const listeners = new Set<Listener>();
const RECORDS = ['cert', 'server', 'connector', 'order', 'key', 'job', 'user'];
const GATHER_MS = 300;

let source: EventSource | null = null;
let job = '';
let onJob: ((event: 'job' | 'log') => void) | null = null;
const changed = new Set<string>();
let timer = 0;

function flush() {
  timer = 0;
  const what = new Set(changed);
  changed.clear();
  for (const l of [...listeners]) if (l.records.some((r) => what.has(r))) l.fn();
}

function note(record: string) {
  changed.add(record);
  timer ||= window.setTimeout(flush, GATHER_MS);
}

function parse(e: Event): Record<string, unknown> {
  return JSON.parse((e as MessageEvent<string>).data) as Record<string, unknown>;
}

function open() {
  const again = source !== null; // what changes between the two streams is told by neither
  source?.close();
  source = null;
  if (!session.get()) {
    live.set(false);
    return;
  }
  const topics = [...RECORDS, 'state', ...(job ? [`job:${job}`] : [])].join(',');
  let missed = again;
  const s = new EventSource(`/api/v1/events?topics=${topics}`);
  source = s;
  s.onopen = () => {
    live.set(true);
    if (missed) RECORDS.forEach(note);
    if (job) onJob?.('job');
    missed = false;
  };
  s.onerror = () => {
    live.set(false);
    missed = true;
    if (s.readyState === EventSource.CLOSED && source === s) setTimeout(() => source === s && open(), 5000);
  };
  s.addEventListener('change', (e) => {
    const { record, id } = parse(e);
    note(String(record));
    if (record === 'job' && id === job) onJob?.('job');
  });
  s.addEventListener('log', (e) => parse(e).id === job && onJob?.('log'));
  s.addEventListener('state', (e) => { if (parse(e).state !== state.get()?.state) void loadState(); });
}

let user = '';
session.watch(() => {
  const now = session.get()?.user.id ?? '';
  if (now === user) return;
  user = now;
  open();
});

/* Calls fn when a record of one of these tables changed; returns what ends it. */
export function onChange(records: string[], fn: () => void): () => void {
  const l = { records, fn };
  listeners.add(l);
  return () => listeners.delete(l);
}

export function followJob(id: string, fn: (event: 'job' | 'log') => void): () => void {
  job = id;
  onJob = fn;
  open();
  return () => {
    if (job !== id) return;
    job = '';
    onJob = null;
    open();
  };
}
