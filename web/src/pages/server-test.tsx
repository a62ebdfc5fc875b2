// The connection test of settings that are not stored: its steps as they happen, the host keys to
// compare, and the endpoints found. Keys that were compared are used in the next test and pinned
// when the server is saved.
import { useEffect, useRef, useState } from 'preact/hooks';
import { api, detailOf, type Schemas } from '../api';
import { may } from '../session';
import { Mono, Note, Pill, Trouble, When } from '../ui/bits';
import { Steps } from '../ui/steps';
import { CompareKeys } from './host-keys';

type Test = Schemas['ServerTest'];
type Settings = Schemas['ServerInput'];
const POLL_MS = 400;
const hostOf = (t: Test) => `${t.address} ${t.port}`;

/* server: the stored one whose unsaved changes are tested; '': a new one. */
export function useServerTest(server: string, pinned: string[] = []) {
  const [test, setTest] = useState<Test | null>(null);
  const [error, setError] = useState('');
  const [pins, setPins] = useState<{ host: string; keys: string[] }>({ host: '', keys: [] });
  const last = useRef<Settings>({});
  const box = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (test?.state !== 'Running') return;
    const t = setTimeout(() => {
      api.get('/api/v1/server-tests/{id}', { id: test.id }).then((r) => setTest(r.data), (e: unknown) => { setError(detailOf(e)); setTest(null); });
    }, POLL_MS);
    return () => clearTimeout(t);
  }, [test]);

  const start = async (settings: Settings, keys = test && pins.host === hostOf(test) ? pins.keys : []) => {
    setError('');
    last.current = settings;
    const body: Schemas['ServerTestNew'] = { settings, ...(server ? { server } : {}), ...(keys.length ? { host_keys: keys } : {}) };
    setTest((await api.post('/api/v1/server-tests', { body })).data);
    requestAnimationFrame(() => box.current?.scrollIntoView({ block: 'nearest' }));
  };
  const compared = async (keys: string[]) => {
    setPins({ host: hostOf(test!), keys });
    await start(last.current, keys);
  };
  /* After the save: what was compared is pinned. */
  const pin = async (id: string, saved: { address: string; port: number }) => {
    if (pins.keys.length && pins.host === `${saved.address} ${saved.port}`)
      await api.post('/api/v1/servers/{id}/host-keys/approve', { id, body: { fingerprints: pins.keys } });
  };
  const view = (
    <div ref={box} class="stack">
      <Trouble text={error} />
      {test && <Result test={test} pinned={pinned} compared={compared} />}
    </div>
  );
  return { start, pin, view, busy: test?.state === 'Running' };
}

function Result({ test: t, pinned, compared }: { test: Test; pinned: string[]; compared: (keys: string[]) => Promise<void> }) {
  const asks = t.offered_keys.length > 0;
  return (
    <>
      <section class="card" aria-label="Connection test" aria-live="polite">
        <div class="bar"><h2>Test of {t.address}</h2><Pill word={t.state} /><span class="grow" /><span class="soft">nothing is saved by it</span></div>
        <Steps steps={t.steps} />
        {t.error && <Note tone={asks && !pinned.length ? 'warn' : 'bad'}>{t.error}{t.advice && <p><strong>What to do:</strong> {t.advice}</p>}</Note>}
        {t.endpoints.length > 0 && <Endpoints list={t.endpoints} />}
      </section>
      {asks && <CompareKeys offered={t.offered_keys} pinned={pinned} action="Use what I compared" approve={compared}
        note="Save the server all the same: its page asks somebody with the role approver to compare and approve the key." allowed={may('HOST_KEY_APPROVE')} />}
    </>
  );
}

function Endpoints({ list }: { list: Test['endpoints'] }) {
  return (
    <>
      <h3>Endpoints found</h3>
      <ul class="plain rows endpoints">
        {list.map((e) => (
          <li key={`${e.port} ${e.names.join(' ')}`}>
            <span class="grow">
              <strong>{e.names.join(', ') || 'default site'}</strong> <span class="soft">port {e.port}</span>
              <span class="sub">{e.cert_path ? <Mono text={e.cert_path} /> : <span class="soft">{e.config_file}:{e.config_line}</span>}</span>
              {e.problem && <span class="sub bad">{e.problem}</span>}
            </span>
            <span class="soft">{e.not_after ? <>{e.served ? 'served, ends ' : 'not served, ends '}<When at={e.not_after} /></> : 'no certificate'}</span>
          </li>
        ))}
      </ul>
    </>
  );
}
