// Settings > Update: send a bundle, have it checked and committed, restart into it; and what came of
// the last one.
import { useEffect, useRef, useState } from 'preact/hooks';
import { api, detailOf, type Schemas } from '../api';
import { exact } from '../format';
import { useLoad } from '../load';
import { may } from '../session';
import { Empty, Facts, Head, Loading, Note, Pill, Trouble, When } from '../ui/bits';
import { Confirm } from '../ui/dialog';
import { say } from '../ui/toast';
import { isBundle, upload, type Update as State } from '../upload';

type Slot = Schemas['Slot'];
type System = Schemas['System'];

export function Update() {
  const system = useLoad(() => api.get('/api/v1/system'), [], ['system']);
  if (!system.data) return system.error ? <Trouble text={system.error} /> : <Loading />;
  const s = system.data.data;
  if (!s.appliance)
    return (
      <>
        <Head title="Update" />
        <Empty title="This is not an appliance image"><p>The service was started on another system. Update it with the means of that system; version {s.version} runs now.</p></Empty>
      </>
    );
  return (
    <>
      <Head title="Update" />
      <LastStart s={s} />
      {may('SYSTEM_UPDATE') && <Work reload={system.reload} />}
      <Slots s={s} />
    </>
  );
}

function LastStart({ s }: { s: System }) {
  const runs = s.slots.find((x) => x.running);
  if (s.fell_back) return <Note tone="bad"><strong>An update did not work.</strong> The appliance {s.last_start}.</Note>;
  if (runs && !runs.healthy) return <Note tone="warn">Version {runs.version} was started and is still proving that it is healthy. An update can be sent after that.</Note>;
  return <Note tone="ok">Version {runs?.version ?? s.version} runs and proved healthy at its last start.</Note>;
}

function Work({ reload }: { reload: () => Promise<void> }) {
  const update = useLoad(() => api.get('/api/v1/system/update'), [], ['system']);
  const [sent, setSent] = useState<State | null>(null); // newer than what was read, while a file is sent
  const [sending, setSending] = useState('');
  const [error, setError] = useState('');
  const [restarting, restart] = useState(false);
  const stop = useRef(false);
  const file = useRef<HTMLInputElement>(null);
  const u = sent ?? update.data?.data;
  useEffect(() => () => { stop.current = true; }, []);
  useEffect(() => {
    if (u?.phase !== 'checking') return;
    const t = setInterval(() => void update.reload(), 2000); // beside the event, which a restart of core may lose
    return () => clearInterval(t);
  }, [u?.phase]);
  if (!u) return update.error ? <Trouble text={update.error} /> : <Loading />;

  const send = async (f: File) => {
    setError('');
    stop.current = false;
    setSending(f.name);
    try {
      if (!(await isBundle(f))) throw new Error(`${f.name} is no update bundle. Choose the file whose name ends with .bundle.`);
      await upload(f, setSent, () => stop.current);
    } catch (e) {
      setError(detailOf(e));
    }
    setSending('');
    await update.reload();
    setSent(null);
  };
  const commit = async () => {
    setError('');
    try {
      update.set(await api.post('/api/v1/system/update/commit'));
    } catch (e) {
      setError(detailOf(e));
    }
  };

  return (
    <section class="card stack" aria-label="Update">
      <h2>{u.phase === 'idle' ? 'Send an update' : `Version ${u.version ?? 'unknown'} for slot ${u.slot}`}</h2>
      {u.phase === 'idle' && <p>The bundle goes to slot {u.slot}, beside the version that runs. Both of its signatures, the board and the release are checked before a byte is written. Nothing changes for your servers until you restart.</p>}
      {(u.phase === 'receiving' || sending) && <Progress u={u} name={sending} />}
      {u.phase === 'receiving' && !sending && <Note tone="info">Choose the same file again: it goes on with piece {u.next} of {u.pieces}.</Note>}
      {u.phase === 'received' && <p>All of it is there. The check reads every byte on the disk again; then this version starts next.</p>}
      {u.phase === 'checking' && <p role="status">Every byte on the disk is read again. This takes a minute or two; you may leave this page.</p>}
      {u.phase === 'committed' && <p>It was checked and starts next. A restart takes about a minute: the page answers again by itself. If the new version does not prove healthy in three starts, the one that runs now comes back.</p>}
      {u.problem && <Trouble text={`The check failed: ${u.problem}. Send the bundle again.`} />}
      {!u.healthy && u.unproven && <Note tone="warn">Not possible yet: {u.unproven}.</Note>}
      <Trouble text={error} />
      <div class="bar">
        <input ref={file} type="file" hidden accept=".bundle" aria-label="Update bundle"
          onChange={(e) => { const f = e.currentTarget.files?.[0]; e.currentTarget.value = ''; if (f) void send(f); }} />
        {(u.phase === 'idle' || u.phase === 'receiving') && !sending && <button type="button" class={`btn ${u.healthy ? 'primary' : ''}`} aria-disabled={!u.healthy} onClick={() => { if (u.healthy) file.current!.click(); }}>Choose a bundle</button>}
        {sending && <button type="button" class="btn" onClick={() => { stop.current = true; }}>Pause</button>}
        {u.phase === 'received' && !sending && <button type="button" class="btn primary" onClick={commit}>Check and commit</button>}
        {u.phase === 'committed' && <button type="button" class="btn primary" onClick={() => restart(true)}>Restart into version {u.version}</button>}
        {u.phase === 'committed' && <button type="button" class="btn" onClick={() => file.current!.click()}>Send another bundle</button>}
      </div>
      {restarting && (
        <Confirm title={`Restart into version ${u.version}`} action="Restart" onClose={() => restart(false)}
          run={async () => { await api.post('/api/v1/system/update/restart'); say('The appliance restarts.'); await reload(); }}>
          <p>Everybody is signed out, and jobs under way go on after the start. A locked appliance needs its unlock passphrase again. What your servers serve is not touched.</p>
        </Confirm>
      )}
    </section>
  );
}

function Progress({ u, name }: { u: State; name: string }) {
  const done = Math.max(0, u.next - 1);
  return (
    <div>
      <label for="sent">{name ? `Sending ${name}` : 'Sent so far'}: {done} of {u.pieces} MiB</label>
      <progress id="sent" class="wide" max={u.pieces || 1} value={done} />
    </div>
  );
}

function stateOf(x: Slot): [string, 'ok' | 'warn' | 'bad' | 'info' | 'soft'] {
  if (x.failed) return ['Failed', 'bad'];
  if (x.running) return x.healthy ? ['Runs', 'ok'] : ['Proving', 'warn'];
  if (x.next) return ['Starts next', 'info'];
  return x.complete ? ['Fallback', 'soft'] : ['Empty', 'soft'];
}

function Slots({ s }: { s: System }) {
  return (
    <section class="stack" aria-label="Slots">
      <h2>Slots</h2>
      <div class="pair">
        {s.slots.map((x) => {
          const [word, tone] = stateOf(x);
          return (
            <div class="card" key={x.name}>
              <div class="bar"><h3>Slot {x.name}</h3><Pill word={word} as={tone} /></div>
              <Facts list={[
                ['Version', x.version],
                ['Built', x.built && <span title={exact(x.built)}><When at={x.built} /></span>],
                ['Starts left', x.complete && x.tries !== null ? String(x.tries) : null],
                ['Release index', x.complete && x.rollback !== null ? String(x.rollback) : null],
                x.why && ['Failed because', x.why],
                x.error && ['Cannot start', x.error],
              ]} />
            </div>
          );
        })}
      </div>
    </section>
  );
}
