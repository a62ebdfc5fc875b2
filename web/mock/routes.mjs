// The routes of the mock, as docs/api.yaml states them.
import { add, audit, db, iso, newId, sha, trail } from './data.mjs';
import { kinds, schemas } from './defs.mjs';
import { list } from './list.mjs';
import { machineRoutes } from './machine.mjs';
import { settingRoutes } from './network.mjs';
import { startTest, testOf } from './server-tests.mjs';
import { approve, cancel, changed, emit, run, start } from './work.mjs';

export const problem = (status, code, detail, field) => ({ type: `urn:certkeep:error:${code}`, title: code, status, detail, ...(field ? { field } : {}) });
const bad = (...a) => ({ error: problem(...a) });
const P = (path) => new RegExp(`^/api/v1${path.replace('ID', '([0-9a-z]+)')}$`);
const PERMISSIONS = ['CERT_READ', 'CERT_WRITE', 'DEPLOY_APPROVE', 'SERVER_READ', 'SERVER_WRITE', 'HOST_KEY_APPROVE', 'CONNECTOR_READ', 'CONNECTOR_WRITE', 'POLICY_READ', 'POLICY_WRITE', 'JOB_READ', 'JOB_WRITE', 'USER_ADMIN', 'AUDIT_READ', 'SYSTEM_UPDATE', 'MACHINE_ADMIN', 'SYSTEM_ADMIN'];
const find = (table, id) => db[table].find((r) => r.id === id);
const etag = (r) => ({ ETag: `"${r.rev}"` });

function sessionOf(a) {
  const u = db.user[0];
  return { user: u, roles: u.roles, permissions: PERMISSIONS, csrf: a.csrf, expires_at: iso(Date.now() + 8 * 3600000) };
}
function signIn(a) {
  const secret = sha(newId()).slice(0, 24);
  a.sessions.add(secret);
  return { status: 201, body: sessionOf(a), headers: { 'Set-Cookie': `mock=${secret}; Path=/; HttpOnly; SameSite=Strict` } };
}

/* Checks a body against the fields, as the appliance does; secrets become has_NAME. */
function take(record, body, into, patch) {
  const fields = schemas[record].fields;
  const next = { ...into };
  for (const [name, v] of Object.entries(body)) {
    const f = fields.find((x) => x.name === name);
    if (!f || f.readonly) return bad(400, 'input', `${name}: is not a member of ${record}`, name);
    if (f.kind === 'int' && v !== null && (v < f.min || v > f.max)) return bad(400, 'input', `${f.label}: expected ${f.min} to ${f.max}`, name);
    if (f.kind === 'host' && v && !/^[0-9A-Za-z.:-]+$/.test(v)) return bad(400, 'input', `${f.label}: expected a host name or IP address such as www.example.com or 192.0.2.1`, name);
    if (f.kind === 'secret') next[`has_${name}`] = !!v;
    else next[name] = v;
  }
  for (const f of fields) if (f.required && !patch && f.kind !== 'secret' && (next[f.name] === undefined || next[f.name] === '')) return bad(400, 'input', `${f.label}: is needed`, f.name);
  return { next };
}
function defaults(record) {
  const out = {};
  for (const f of schemas[record].fields) {
    if (['id', 'rev', 'created_at', 'updated_at'].includes(f.name)) continue;
    if (f.kind === 'secret') out[`has_${f.name}`] = false;
    else out[f.name] = f.initial ?? { list: [], choices: [], ids: [], int: 0, bool: false, time: null }[f.kind] ?? '';
  }
  return out;
}
const work = (j) => ({ status: 202, body: { job: j.id }, headers: { Location: `/api/v1/jobs/${j.id}` } });

function crud(table, path, name, hooks = {}) {
  return [
    ['GET', P(path), (c) => list(table, db[table], c.query)],
    ['GET', P(`${path}/ID`), (c) => { const r = find(table, c.id); return r ? { body: r, headers: etag(r) } : bad(404, 'not_found', `There is no such ${table}; it may be deleted.`); }],
    ['POST', P(path), (c) => {
      const t = take(table, c.body, defaults(table));
      if (t.error) return t;
      const r = add(table, { ...t.next, ...(hooks.made?.(t.next) ?? {}), created_at: iso(Date.now()) });
      changed(table, r);
      return { status: 201, body: r };
    }],
    ['PATCH', P(`${path}/ID`), (c) => {
      const r = find(table, c.id);
      if (c.ifMatch && c.ifMatch !== `"${r.rev}"`) return bad(412, 'conflict', `${r[name]} has changed meanwhile: somebody saved it after you opened it.`);
      const t = take(table, c.body, r, true);
      if (t.error) return t;
      Object.assign(r, t.next);
      hooks.patched?.(r);
      changed(table, r);
      return { body: r, headers: etag(r) };
    }],
    ['DELETE', P(`${path}/ID`), (c) => {
      const r = find(table, c.id), no = hooks.keep?.(r);
      if (no) return bad(409, 'conflict', no);
      db[table].splice(db[table].indexOf(r), 1);
      changed(table, r, true);
      return { status: 204 };
    }],
  ];
}
const set = (table, change) => (c) => {
  const r = find(table, c.id);
  Object.assign(r, change(r, c));
  changed(table, r);
  return { body: r };
};
function certWork(kind, word) {
  return (c) => {
    const r = find('cert', c.id), server = find('server', r.server);
    if (kind !== 'issue' && kind !== 'revoke' && !server) return bad(409, 'conflict', `Server: choose the server of ${r.name} first`);
    const j = start(kind, `${word} ${r.name}${kind === 'deploy' ? ` to ${server.description}` : ''}`, { cert: r.id, server: r.server, dry_run: !!c.body?.dry_run });
    r.job = j.id;
    changed('cert', r);
    return work(j);
  };
}
function batch(c) {
  const items = c.body.ids.map((id) => {
    const r = find('cert', id);
    if (['renew', 'deploy'].includes(c.body.action) && !r.server) return { id, name: r.name, ok: false, error: `Server: choose the server of ${r.name} first` };
    if (c.body.action === 'tag') r.tags = [...new Set([...r.tags, ...c.body.tags])];
    if (c.body.action === 'ignore') Object.assign(r, { ignored: true, readiness: 'Ignored' });
    if (c.body.action === 'configure') Object.assign(r, c.body.settings);
    if (c.body.batch_name) r.batch = c.body.batch_name;
    const job = ['renew', 'deploy'].includes(c.body.action) ? certWork(c.body.action === 'renew' ? 'issue' : 'deploy', 'Renew')({ id, body: {} }).body.job : undefined;
    changed('cert', r);
    return { id, name: r.name, ok: true, ...(job ? { job } : {}) };
  });
  return { body: { items, done: items.filter((i) => i.ok).length, refused: items.filter((i) => !i.ok).length } };
}
/* Validity and wildcards only: enough for the form's help. */
function policyCheck({ body: b }) {
  const tags = b.tags ?? [], ca = find('connector', b.connector ?? '');
  const apply = db.policy.filter((p) => (!p.for_tags.length || p.for_tags.some((t) => tags.includes(t))) && (!p.for_ca_types.length || p.for_ca_types.includes(ca?.ca_type)));
  const days = (p) => Math.min(p.max_days || 1e9, Number(p.max_days_from.filter((x) => new Date(x.split(' ')[0]) <= new Date()).at(-1)?.split(' ')[1] ?? 1e9));
  const findings = [], max = Math.min(...apply.map(days));
  const refuse = (p, field, text) => findings.push({ policy: p.id, policy_name: p.name, field, text });
  for (const p of apply) {
    if ((b.validity_days ?? 47) > days(p)) refuse(p, 'validity_days', `Validity: ${b.validity_days} days; policy ${p.name} allows at most ${days(p)}, choose ${days(p)} or fewer`);
    const wild = (b.names ?? []).find((n) => n.includes('*'));
    if (wild && !p.wildcards) refuse(p, 'names', `Names: ${wild}: policy ${p.name} allows no wildcard names; list the names one by one`);
  }
  const left = (of, name) => of.filter((x) => apply.every((p) => !p[name].length || p[name].includes(x)));
  const limits = { max_days: max < 1e9 ? max : 0, max_names: 0, wildcards: apply.every((p) => p.wildcards), key_algs: left(['rsa-2048', 'rsa-3072', 'rsa-4096', 'p-256', 'p-384', 'ed25519'], 'key_algs'), custodies: left(['deployable', 'sealed', 'token'], 'custodies'), renew_percent: 0, renew_days: 0, approval: apply.find((p) => p.approval !== 'as configured')?.approval ?? 'as configured', deploys_at: iso(Date.now()), deploys_now: true };
  return { body: { allowed: findings.length === 0, findings, policies: apply.map((p) => p.name), limits } };
}
/* The text of a pasted "certificate" is its name: the mock reads no DER. */
function importFiles(c) {
  const items = c.body.files.flatMap((f) => {
    const text = Buffer.from(f.content, 'base64').toString();
    const one = (name, result, more = {}) => ({ file: f.name, name, issuer: 'Example CA', fingerprint: sha(name), not_after: iso(Date.now() + 40 * 86400000), result, id: '', text: '', ...more });
    const names = [...text.matchAll(/BEGIN CERTIFICATE-----\n(\S+)/g)].map((m) => m[1]);
    if (!names.length) return [{ ...one('', 'refused', { text: 'no certificate found; expected PEM, DER or PKCS#7' }), issuer: '', fingerprint: '', not_after: null }];
    return names.map((name) => {
      const there = db.cert.find((r) => r.fingerprint === sha(name));
      if (name.startsWith('ca.')) return one(name, 'chain', { text: 'kept with 1 certificate it issued' });
      if (there) return one(name, 'duplicate', { id: there.id, text: 'it is in the list already' });
      const r = add('cert', { ...defaults('cert'), name, names: [name], status: 'Discovered', readiness: 'Bot Unassigned', bot: '', discovery_bot: 'Import', issuer: 'Example CA', fingerprint: sha(name), tags: c.body.tags ?? [], created_at: iso(Date.now()) });
      changed('cert', r);
      return one(name, 'imported', { id: r.id });
    });
  });
  const n = (result) => items.filter((i) => i.result === result).length;
  return { body: { items, imported: n('imported'), duplicate: n('duplicate'), chain: n('chain'), refused: n('refused') } };
}
function home() {
  const n = (fn) => db.cert.filter(fn).length, days = (c) => (c.not_after ? (new Date(c.not_after) - Date.now()) / 86400000 : 1e9);
  const soon = db.cert.filter((c) => days(c) < 7).sort((a, b) => days(a) - days(b));
  const row = (what, rec, r, title, text, at, severity) => ({ what, record: rec, id: r.id, title, text, at, severity });
  return { body: {
    as_of: iso(Date.now()),
    breaks_next: soon.slice(0, 5).map((c) => row('expires', 'cert', c, c.name, c.renewal === 'manual' ? 'renewal is manual' : 'renews tonight', c.not_after, days(c) < 3 ? 'bad' : 'warn')),
    failed: db.job.filter((j) => ['Failed', 'Rolled Back'].includes(j.state)).slice(-5).map((j) => row('failed', 'job', j, j.title, j.cause, j.finished_at, 'bad')),
    needs_me: [...db.job.filter((j) => j.state === 'Needs Approval').map((j) => row('approve', 'job', j, j.title, 'the plan waits', j.created_at, 'warn')), ...db.server.filter((s) => s.offered_keys.length).map((s) => row('host-key', 'server', s, s.description, 'the host key has changed', s.last_check, 'bad')), ...db.connector.filter((c) => c.state === 'Error').map((x) => row('connector', 'connector', x, x.name, x.category, x.last_check, 'bad'))],
    counts: { certificates: db.cert.length, expiring_7d: soon.length, expiring_30d: n((c) => days(c) < 30), expired: n((c) => days(c) < 0), bot_unassigned: n((c) => c.readiness === 'Bot Unassigned'), configuration_pending: n((c) => c.readiness === 'Configuration Pending'), deployment_pending: n((c) => c.readiness === 'Deployment Pending'), deployment_failed: n((c) => c.readiness === 'Deployment Failed'), deployed: n((c) => c.status === 'Deployed'), servers: db.server.length, mapped_servers: db.server.length, active_servers: db.server.filter((s) => s.state === 'Active').length, connectors: db.connector.length, orders_open: db.order.filter((o) => o.state.endsWith('Pending') || o.state === 'Queued').length, jobs_running: db.job.filter((j) => j.state === 'Running').length, keys: db.key.length, audit: audit.length, jobs_failed: db.job.filter((j) => ['Failed', 'Rolled Back'].includes(j.state)).length, jobs_waiting: db.job.filter((j) => ['Queued', 'Waiting', 'Needs Approval'].includes(j.state)).length },
  } };
}
const TEXT = (c) => `Certificate:\n    Data:\n        Version: 3 (0x2)\n        Serial Number: ${c.serial}\n        Issuer: CN = ${c.issuer}\n        Validity\n            Not Before: ${c.not_before}\n            Not After : ${c.not_after}\n        Subject: CN = ${c.name}\n        X509v3 extensions:\n            X509v3 Subject Alternative Name:\n                ${c.names.map((n) => `DNS:${n}`).join(', ')}`;
const link = (subject, issuer, c, more = {}) => ({ subject, issuer, serial: c.serial, not_before: c.not_before, not_after: c.not_after, sig_alg: 'SHA256ECDSA', key: 'P-256', fingerprint: sha(subject), names: [], findings: [], ...more });
const parts = [['hsm', 'HSM', 'softhsm, token certkeep, 3 sessions'], ['store', 'Store', '180 certificates, 28 jobs'], ['audit', 'Audit chain', '240 records, last head signed 4 minutes ago'], ['ca', 'CA process', 'running'], ['web', 'Web process', 'running'], ['clock', 'Clock', 'the clock is 41 s behind the CA Example ACME']];

function retryJob(j, step) {
  const cert = find('cert', j.cert);
  Object.assign(j, { error: '', advice: '', cause: '', attempts: j.attempts + 1, finished_at: null, cancelling: false });
  if (cert) { cert.readiness = 'Deployment Pending'; changed('cert', cert); }
  run(j, Math.max(0, j.steps.findIndex((s) => s.name === step)));
  return work(j);
}
function retryCert(c) {
  const j = find('job', find('cert', c.id).job);
  return j && ['Failed', 'Rolled Back', 'Cancelled'].includes(j.state) ? retryJob(j) : bad(409, 'conflict', `the job is ${j?.state ?? 'none'}: nothing to retry`);
}

const retention = { now: defaults('retention'), rev: 0 };

export const routes = [
  ['GET', P('/state'), ({ appliance: a }) => ({ body: { state: a.state, version: '1.0.0', names: ['certkeep.corp.example'], detail: a.detail } })],
  ['POST', P('/setup'), ({ body, appliance: a }) => {
    if (a.state !== 'Unprovisioned') return bad(409, 'conflict', 'The appliance was set up already.');
    if (body.setup_code !== '2468-1357') return bad(403, 'denied', 'Setup code: not the one on the console of the appliance', 'setup_code');
    a.state = 'Operational';
    return signIn(a);
  }],
  ['POST', P('/unlock'), ({ body, appliance: a }) => {
    if (body.passphrase !== 'correct horse battery') return bad(401, 'auth', 'The passphrase is not right. After some more tries the answer is slowed down.');
    a.state = 'Operational';
    emit('state', { state: a.state });
    return { body: { state: a.state, version: '1.0.0', names: [], detail: '' } };
  }],
  ['POST', P('/lock'), ({ appliance: a }) => { a.state = 'Locked'; emit('state', { state: a.state }); return { body: { state: a.state, version: '1.0.0', names: [], detail: '' } }; }],
  ['POST', P('/session'), ({ body, appliance: a }) => (body.code === 'abcd-efgh' || (body.username === 'alice' && body.password === 'correct horse battery') ? signIn(a) : bad(401, 'auth', 'User Name or Password is not right'))],
  ['GET', P('/session'), ({ appliance: a }) => ({ body: sessionOf(a) })],
  ['DELETE', P('/session'), ({ cookie, appliance: a }) => { a.sessions.delete(cookie); return { status: 204 }; }],
  ['POST', P('/sign-in-codes'), ({ body }) => (db.user.some((u) => u.username === body.user) ? { status: 201, body: { code: 'k7wd-93mp-xq2n', expires_at: iso(Date.now() + 900000) } } : bad(400, 'input', `User Name: there is no user ${body.user}`, 'user'))],
  ['GET', P('/health'), () => ({ body: { state: 'warn', as_of: iso(Date.now()), parts: parts.map(([name, title, detail]) => ({ name, title, state: name === 'clock' ? 'warn' : 'ok', since: iso(Date.now() - 86400000 * 2), detail, remedy: name === 'clock' ? 'Set the clock or give a time server on the console.' : '' })) } })],
  ['GET', P('/home'), home],
  ['GET', /^\/api\/v1\/schema\/([a-z.]+)$/, (c) => (schemas[c.id] ? { body: schemas[c.id] } : bad(404, 'not_found', 'There is no such record.'))],
  ['POST', P('/certificates/batch'), batch],
  ['POST', P('/certificates/import'), importFiles],
  ...crud('cert', '/certificates', 'name', { patched: (r) => { if (r.server && r.readiness === 'Configuration Pending') r.readiness = 'Deployment Pending'; if (r.status === 'Discovered') r.status = 'Initiated'; } }),
  ['POST', P('/certificates/ID/issue'), certWork('issue', 'Issue')], ['POST', P('/certificates/ID/renew'), certWork('issue', 'Renew')], ['POST', P('/certificates/ID/rotate'), certWork('issue', 'Rotate')],
  ['POST', P('/certificates/ID/deploy'), certWork('deploy', 'Deploy')], ['POST', P('/certificates/ID/redeploy'), certWork('deploy', 'Redeploy')], ['POST', P('/certificates/ID/retry'), retryCert], ['POST', P('/certificates/ID/rollback'), certWork('rollback', 'Roll back')], ['POST', P('/certificates/ID/revoke'), certWork('revoke', 'Revoke')],
  ['POST', P('/certificates/ID/ignore'), set('cert', () => ({ ignored: true, readiness: 'Ignored' }))], ['POST', P('/certificates/ID/unignore'), set('cert', () => ({ ignored: false, readiness: 'Ready' }))],
  ['GET', P('/certificates/ID/download'), (c) => ({ body: `-----BEGIN CERTIFICATE-----\n${sha(c.id)}\n-----END CERTIFICATE-----\n`, headers: { 'Content-Type': 'application/x-pem-file', 'Content-Disposition': 'attachment; filename="certificate.pem"' } })],
  ['GET', P('/certificates/ID/text'), (c) => { const r = find('cert', c.id); return { body: { text: TEXT(r), chain: [link(`CN=${r.name}`, `CN=${r.issuer}`, r, { names: r.names, findings: r.vulnerable }), link(`CN=${r.issuer}`, `CN=${r.issuer}`, r)] } }; }],
  ['GET', P('/certificates/ID/timeline'), (c) => ({ body: { items: trail.timeline.get(c.id) ?? [] } })],
  ...crud('server', '/servers', 'description', { made: (r) => ({ bot: 'built-in', state: 'Unverified', ports: r.ports.length ? r.ports : ['443'] }), keep: (s) => { const c = db.cert.find((x) => x.server === s.id); return c && `Certificate ${c.name} is deployed to this server: delete it or move it first.`; } }),
  ['POST', P('/server-tests'), (c) => {
    const stored = c.body.server ? find('server', c.body.server) : null;
    const t = take('server', c.body.settings, stored ?? defaults('server'), !!stored);
    return t.error ? t : { status: 201, body: startTest(c.body.settings, stored, c.body.host_keys) };
  }],
  ['GET', P('/server-tests/ID'), (c) => { const t = testOf(c.id); return t ? { body: t } : bad(404, 'not_found', 'There is no such connection test.'); }],
  ['POST', P('/servers/ID/test'), (c) => { const s = find('server', c.id); return work(start('server check', `Check ${s.description}`, { server: s.id })); }],
  ['POST', P('/servers/ID/host-keys/approve'), set('server', (s, c) => ({ host_keys: c.body.fingerprints, offered_keys: [], state: 'Unverified', last_error: '' }))],
  ['POST', P('/servers/ID/disable'), set('server', () => ({ state: 'Disabled' }))], ['POST', P('/servers/ID/enable'), set('server', () => ({ state: 'Unverified' }))],
  ['POST', P('/policies/check'), policyCheck],
  ...crud('policy', '/policies', 'name', { keep: (p) => p.builtin && `${p.name} is built in: change its limits instead` }),
  ...machineRoutes(P),
  ['GET', P('/settings/retention'), () => ({ body: retention.now, headers: { ETag: `"${retention.rev}"` } })],
  ['PATCH', P('/settings/retention'), (c) => {
    const t = take('retention', c.body, retention.now, true);
    if (t.error) return t;
    Object.assign(retention, { now: t.next, rev: retention.rev + 1 });
    return { body: retention.now, headers: { ETag: `"${retention.rev}"` } };
  }],
  ...settingRoutes(take),
  ['GET', P('/connector-kinds'), () => ({ body: { items: kinds } })],
  ['POST', P('/connectors'), (c) => {
    if (db.connector.some((x) => x.name === c.body.name)) return bad(409, 'conflict', `Name: ${c.body.name} is taken; choose another`, 'name');
    const t = take(`connector.${c.body.type}`, c.body.settings, defaults(`connector.${c.body.type}`));
    if (t.error) return t;
    const r = add('connector', { name: c.body.name, type: c.body.type, base_url: t.next.base_url ?? '', state: 'Validating', error: '', category: '', ca_type: 'Public', last_check: null, detail: '', settings: t.next, created_at: iso(Date.now()) });
    changed('connector', r);
    return { status: 201, body: { ...r, job: start('connector check', `Check ${r.name}`, { connector: r.id }).id } };
  }],
  ...crud('connector', '/connectors', 'name', { keep: (s) => { const c = db.cert.find((x) => x.connector === s.id); return c && `Certificate ${c.name} is configured for this connector: change or delete it first.`; } }).filter(([m]) => m !== 'POST' && m !== 'PATCH'),
  ['PATCH', P('/connectors/ID'), (c) => { const r = find('connector', c.id); const t = take(`connector.${r.type}`, c.body.settings, r.settings, true); if (t.error) return t; Object.assign(r, { settings: t.next, name: c.body.name ?? r.name, state: 'Validating' }); changed('connector', r); return { body: { ...r, job: start('connector check', `Check ${r.name}`, { connector: r.id }).id }, headers: etag(r) }; }],
  ['POST', P('/connectors/ID/test'), (c) => work(start('connector check', `Check ${find('connector', c.id).name}`, { connector: c.id }))], ['POST', P('/connectors/ID/reactivate'), (c) => work(start('connector check', `Check ${find('connector', c.id).name}`, { connector: c.id }))],
  ['POST', P('/connectors/ID/disable'), set('connector', () => ({ state: 'Inactive' }))],
  ['GET', P('/connectors/ID/evidence'), (c) => ({ body: { items: trail.evidence.get(c.id) ?? [] } })],
  ...crud('order', '/orders', 'name'),
  ['POST', P('/orders/ID/check'), set('order', (o) => ({ attempts: o.attempts + 1 }))], ['POST', P('/orders/ID/cancel'), set('order', () => ({ state: 'Cancelled', next_at: null }))],
  ['POST', P('/orders/ID/retry'), (c) => { const o = find('order', c.id); return work(start('issue', `Issue ${o.name}`, { order: o.id, cert: o.cert })); }],
  ['GET', P('/orders/ID/timeline'), (c) => ({ body: { items: trail.timeline.get(c.id) ?? [] } })],
  ...crud('job', '/jobs', 'title'),
  ['POST', P('/jobs/ID/approve'), (c) => { const j = find('job', c.id); approve(j); return { body: j }; }], ['POST', P('/jobs/ID/cancel'), (c) => { const j = find('job', c.id); cancel(j); return { body: j }; }],
  ['POST', P('/jobs/ID/retry'), (c) => retryJob(find('job', c.id), c.body?.step)],
  ['POST', P('/jobs/ID/rollback'), (c) => { const j = find('job', c.id); return work(start('rollback', `Roll back ${j.title}`, { cert: j.cert, server: j.server, follows: j.id })); }],
  ['GET', P('/jobs/ID/log'), (c) => { const j = find('job', c.id), from = Number(c.query.get('from') ?? 1); return { body: { items: j.log.slice(from - 1), next: j.log.length + 1 } }; }],
  ['GET', P('/jobs/ID/report'), (c) => { const j = find('job', c.id); return { body: `${j.title}\n${j.state}\n${j.steps.map((s) => `${s.title}: ${s.state}`).join('\n')}` }; }],
  ...crud('key', '/keys', 'label', { keep: (k) => { const c = find('cert', k.cert); return c && c.key === k.id && `certificate ${c.name} uses this key: delete it first`; } }).filter(([m]) => m === 'GET' || m === 'DELETE'),
  ...crud('user', '/users', 'username'),
  ['GET', P('/tokens'), (c) => list('token', db.token, c.query)],
  ['POST', P('/tokens'), ({ body, user }) => { const t = add('token', { kind: 'token', label: body.label, user: user.id, client: '10.1.0.23', expires_at: body.expires_at ?? null, last_used: null, roles: body.roles ?? user.roles, created_at: iso(Date.now()) }); return { status: 201, body: { ...t, token: `ck_${sha(t.id).slice(0, 40)}` } }; }],
  ['DELETE', P('/tokens/ID'), (c) => { const t = find('token', c.id); db.token.splice(db.token.indexOf(t), 1); return { status: 204 }; }],
  ['GET', P('/audit'), (c) => list('audit', audit, c.query)],
  ['GET', P('/audit/export'), () => ({ body: audit.map((r) => JSON.stringify(r)).join('\n') })], ['GET', P('/audit/key'), () => ({ body: '-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n' })],
];
