// Connection tests of settings that are not stored: in memory, step by step.
import { iso, newId, sha } from './data.mjs';

const STEP_MS = Number(process.env.MOCK_STEP_MS ?? 700);
const STEPS = ['Network', 'Host key', 'Login', 'Elevation', 'Path', 'Service', 'Configuration', 'Endpoints'];
const tests = new Map();
const TEXT = { Network: 'answers as an SSH server', Login: 'deploy is logged in', Elevation: 'by sudo', Path: 'nginx 1.26.3, /usr/sbin/nginx, configuration /etc/nginx/nginx.conf', Service: 'unit nginx.service runs it and reloads it', Configuration: 'read whole, and nginx accepts it', Endpoints: '2 TLS endpoints' };
const endpoint = (port, name, more = {}) => ({ port, names: [name], config_file: '/etc/nginx/conf.d/shop.conf', config_line: 5, cert_path: `/etc/nginx/tls/${name}.crt`, key_path: `/etc/nginx/tls/${name}.key`, served: true, subject: name, issuer: 'Example CA', not_after: iso(Date.now() + 20 * 86400000), problem: '', ...more });

function end(t, error, advice) {
  Object.assign(t, { state: error ? 'Failed' : 'Done', finished_at: iso(Date.now()), error: error ?? '', advice: advice ?? '' });
  for (const s of t.steps) if (s.state === 'waiting') s.state = 'skipped';
}

function run(t, at, why) {
  const s = t.steps[at];
  if (!s) {
    Object.assign(t, { detected_version: 'nginx 1.26.3 with 2 TLS endpoints', endpoints: [endpoint(443, 'shop.example'), endpoint(8443, 'blog.example', { problem: 'certificate and key are in one file: name two files' })] });
    return end(t);
  }
  Object.assign(s, { state: 'running', started_at: iso(Date.now()) });
  setTimeout(() => {
    const error = why(s.name, t);
    Object.assign(s, { state: error ? 'failed' : 'done', finished_at: iso(Date.now()), text: error ?? TEXT[s.name] ?? '' });
    if (error) end(t, error, s.name === 'Host key' ? "Compare the fingerprints with the server's console, then pin what is equal and test again. Nothing was sent to the server." : 'Correct what the failed step names, then test again.');
    else run(t, at + 1, why);
  }, STEP_MS);
}

/* stored: the record whose changes these are, or null. */
export function startTest(settings, stored, hostKeys) {
  const all = { port: 22, ...stored, ...settings };
  const key = `ssh-ed25519 SHA256:${sha(all.address).slice(0, 43)}`;
  const t = { id: newId(), state: 'Running', address: all.address, port: all.port, started_at: iso(Date.now()), finished_at: null, error: '', cause: '', advice: '', offered_keys: [], detected_version: '', endpoints: [], steps: STEPS.map((name) => ({ name, title: name, state: 'waiting', started_at: null, finished_at: null, text: '' })) };
  tests.set(t.id, t);
  run(t, 0, (step) => {
    if (step === 'Host key' && !hostKeys?.length && !(stored && stored.address === all.address && stored.host_keys.length)) {
      t.offered_keys = [key];
      return `the host key of ${all.address} is not known yet: compare its fingerprint and approve it`;
    }
    if (step === 'Login' && all.username === 'wrong') return 'wrong: Authentication failed (username/password)';
    return undefined;
  });
  return t;
}

export const testOf = (id) => tests.get(id);
