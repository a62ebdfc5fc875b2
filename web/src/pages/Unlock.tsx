// Opens the HSM token after a start. Shown alone, or over the page that was open when it locked.
import { useId, useState } from 'preact/hooks';
import { api, detailOf } from '../api';
import { state } from '../session';
import { useStore } from '../store';
import { Trouble } from '../ui/bits';

export function Unlock() {
  const s = useStore(state);
  const [passphrase, set] = useState('');
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const id = useId();
  const submit = async (e: Event) => {
    e.preventDefault();
    if (busy || !passphrase) return;
    setBusy(true);
    setError('');
    try {
      state.set((await api.post('/api/v1/unlock', { body: { passphrase } })).data);
    } catch (err) {
      setError(detailOf(err));
      setBusy(false);
    }
  };
  return (
    <div class="gate-box">
      <div class="brand big-brand" aria-hidden="true">cert<span>keep</span></div>
      <h1>Unlock</h1>
      <p class="soft">The keys are closed in the HSM since the last start. Nothing is signed, ordered or deployed until the passphrase opens it. What is served by your servers goes on.</p>
      {s?.detail && <p class="soft small">{s.detail}</p>}
      <form class="stack" onSubmit={submit}>
        <Trouble text={error} />
        <div class="field">
          <label for={id}>Unlock passphrase</label>
          <input id={id} type="password" autocomplete="off" value={passphrase} aria-required onInput={(e) => set(e.currentTarget.value)} />
        </div>
        <button type="submit" class="btn primary wide" aria-disabled={busy}>{busy ? 'Opening the token…' : 'Unlock'}</button>
      </form>
    </div>
  );
}
