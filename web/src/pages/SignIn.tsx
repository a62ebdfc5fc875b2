// Sign in with a password, or with a one-time code. When a session ended under an open page the same
// form stands over it, and the page goes on where it was.
import { useId, useState } from 'preact/hooks';
import { api, detailOf } from '../api';
import { signedIn, state } from '../session';
import { useStore } from '../store';
import { Trouble } from '../ui/bits';

export function SignIn({ again }: { again: boolean }) {
  const s = useStore(state);
  const [byCode, setByCode] = useState(false);
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const id = useId();
  const submit = async (e: Event) => {
    e.preventDefault();
    if (busy) return;
    if (byCode ? !code.trim() : !username.trim() || !password) {
      setError(byCode ? 'Type the one-time code you were given.' : 'Type your user name and your password.');
      return;
    }
    setBusy(true);
    setError('');
    try {
      const body = byCode ? { code: code.trim() } : { username: username.trim(), password };
      signedIn((await api.post('/api/v1/session', { body })).data);
    } catch (err) {
      setError(detailOf(err));
      setBusy(false);
    }
  };
  return (
    <div class="gate-box">
      {!again && <><div class="brand big-brand" aria-hidden="true">cert<span>keep</span></div><h1>Sign in</h1></>}
      {again && <p class="soft">Your session has ended. Sign in and the page goes on where it was; what you typed is still there.</p>}
      <form class="stack" onSubmit={submit} noValidate>
        <Trouble text={error} />
        {byCode ? (
          <div class="field">
            <label for={`${id}c`}>One-time code</label>
            <input id={`${id}c`} class="mono" value={code} autocomplete="one-time-code" spellcheck={false} autocapitalize="off" onInput={(e) => setCode(e.currentTarget.value)} />
            <p class="help">From the console of the appliance, or from somebody who manages it. It works once.</p>
          </div>
        ) : (
          <>
            <div class="field">
              <label for={`${id}u`}>User Name</label>
              <input id={`${id}u`} value={username} autocomplete="username" spellcheck={false} autocapitalize="off" onInput={(e) => setUsername(e.currentTarget.value)} />
            </div>
            <div class="field">
              <label for={`${id}p`}>Password</label>
              <input id={`${id}p`} type="password" value={password} autocomplete="current-password" onInput={(e) => setPassword(e.currentTarget.value)} />
            </div>
          </>
        )}
        <button type="submit" class="btn primary wide" aria-disabled={busy}>{busy ? 'Signing in…' : 'Sign in'}</button>
        <button type="button" class="btn ghost wide" onClick={() => { setByCode(!byCode); setError(''); }}>{byCode ? 'Use a password' : 'Use a one-time code'}</button>
      </form>
      {!again && <p class="soft small">Version {s?.version}</p>}
    </div>
  );
}
