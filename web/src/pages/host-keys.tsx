// The host keys a server shows that are not pinned: compared by a person, approved one by one.
import { useState } from 'preact/hooks';
import { api, detailOf, type Server } from '../api';
import { may } from '../session';
import { Copy, Note, Trouble } from '../ui/bits';
import { say } from '../ui/toast';

/* "ssh-ed25519 SHA256:..." as kept in the record */
function split(key: string): [type: string, print: string] {
  const at = key.indexOf(' ');
  return at < 0 ? ['', key] : [key.slice(0, at), key.slice(at + 1)];
}

export function HostKeys({ s, onApproved }: { s: Server; onApproved: () => void }) {
  if (!s.offered_keys.length) return null;
  const approve = async (keys: string[]) => {
    await api.post('/api/v1/servers/{id}/host-keys/approve', { id: s.id, body: { fingerprints: keys } });
    say('The host key is pinned.');
    onApproved();
  };
  return <CompareKeys offered={s.offered_keys} pinned={s.host_keys} action="Approve what I compared" approve={approve} allowed={may('HOST_KEY_APPROVE')}
    note="Somebody with the role approver has to compare and approve it." />;
}

interface CompareProps { offered: string[]; pinned: string[]; action: string; approve: (keys: string[]) => Promise<void>; allowed: boolean; note: string }

export function CompareKeys({ offered, pinned, action, approve, allowed, note }: CompareProps) {
  const [chosen, choose] = useState<string[]>([]);
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const changed = pinned.length > 0;
  const picked = chosen.filter((k) => offered.includes(k));
  const run = async () => {
    if (busy || !picked.length) return;
    setBusy(true);
    setError('');
    try {
      await approve(picked);
    } catch (e) {
      setError(detailOf(e));
    }
    setBusy(false);
  };
  return (
    <section class={`card ${changed ? 'edge-bad' : 'edge-warn'}`} aria-labelledby="host-keys">
      <h2 id="host-keys">{changed ? 'The host key has changed' : 'Compare the host key'}</h2>
      <p>{changed
        ? 'The server shows a key that is not the pinned one. It was installed anew, or somebody stands between. Nothing is sent to it until the new key is approved.'
        : 'This is what the server shows of itself. Compare it with what the server says on its own console; only if they are equal is it the right machine.'}</p>
      <p>On the server: <code>for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done</code></p>
      {changed && <div class="compare"><h3>Pinned</h3><ul class="plain">{pinned.map((k) => <li key={k}><Print k={k} /></li>)}</ul></div>}
      <div class="compare"><h3>Shown by the server now</h3>
        <ul class="plain">
          {offered.map((k) => (
            <li key={k}>
              {allowed && <input type="checkbox" aria-label={`I compared ${k}`} checked={picked.includes(k)} onChange={(e) => choose(e.currentTarget.checked ? [...picked, k] : picked.filter((x) => x !== k))} />}
              <Print k={k} /><Copy text={k} small label={`Copy ${k}`} />
            </li>
          ))}
        </ul>
      </div>
      <Trouble text={error} />
      {allowed
        ? <div class="bar"><button type="button" class="btn primary" aria-disabled={busy || !picked.length} onClick={() => void run()}>{action}</button>{!picked.length && <span class="soft">Tick each key that is equal.</span>}</div>
        : <Note tone="info">{note}</Note>}
    </section>
  );
}

function Print({ k }: { k: string }) {
  const [type, print] = split(k);
  return <span class="print"><span class="soft">{type}</span> <span class="mono">{print}</span></span>;
}
