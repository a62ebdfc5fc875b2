// The work of the mock: jobs advance a step at a time and tell the event stream.
import { db, iso, newJob, planOf, record, sha, trail } from './data.mjs';

export const streams = new Set();
const STEP_MS = Number(process.env.MOCK_STEP_MS ?? 350);
let eventId = 0;

export function emit(event, data) {
  for (const s of streams) s.write(`id: ${++eventId}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
export function changed(table, r, deleted = false) {
  r.rev++;
  r.updated_at = iso(Date.now());
  emit('change', { record: table, id: r.id, deleted });
}
const find = (table, id) => db[table].find((r) => r.id === id);

function log(j, line) {
  j.log.push({ seq: j.log.length + 1, time: new Date().toISOString(), line });
  emit('log', { id: j.id, seq: j.log.length, line });
}
function end(j, state, error = '', cause = '', advice = '') {
  Object.assign(j, { state, error, cause, advice, finished_at: new Date().toISOString() });
  changed('job', j);
}

/* What a step says, and whether it stops the job. */
function act(j, s) {
  const server = find('server', j.server), cert = find('cert', j.cert);
  if (j.kind === 'server check' && s.name === 'IDENTITY' && !server.host_keys.length) {
    server.offered_keys = [`ssh-ed25519 SHA256:${Buffer.from(sha(server.address), 'hex').toString('base64').slice(0, 43)}`];
    changed('server', server);
    return { fail: 'The host key of the server is not pinned yet. Compare the offered key and approve it.', cause: 'policy', advice: 'Compare the fingerprint below with the console of the server.' };
  }
  if (j.kind === 'server check' && server.state === 'Unreachable' && s.name === 'NETWORK') return { fail: server.last_error, cause: 'connectivity', advice: 'Check the address and the firewall.' };
  if (j.kind === 'deploy' && s.name === 'PLAN') {
    j.plan_text = planOf(cert.name, cert.location);
    if (j.dry_run) return { stop: 'No Change', text: 'dry run: nothing is changed' };
    if (cert.approval === 'manual' && !j.approved) return { wait: true };
  }
  return { text: { NETWORK: `${server?.address} port ${server?.port} answers`, LOGIN: `${server?.username} by ${server?.login}`, VERIFY: `${cert?.location} serves the new leaf, TLS 1.3`, KEY: 'P-256 in the HSM', ORDER: 'accepted by the CA' }[s.name] ?? '', evidence: s.name === 'VALIDATE' ? 'nginx: the configuration file /etc/nginx/nginx.conf syntax is ok\nnginx: configuration file /etc/nginx/nginx.conf test is successful' : '' };
}

function finish(j) {
  const cert = find('cert', j.cert), server = find('server', j.server), con = find('connector', j.connector);
  end(j, 'Done');
  if (j.kind === 'server check') {
    Object.assign(server, { state: 'Active', last_check: iso(Date.now()), last_error: '', detected_version: 'nginx/1.26.3' });
    changed('server', server);
  } else if (j.kind === 'connector check') {
    Object.assign(con, { state: 'Active', error: '', category: '', last_check: iso(Date.now()), detail: 'may issue and revoke' });
    trail.evidence.set(con.id, [...j.steps.map((s) => ({ time: iso(Date.now()), step: s.title, state: 'ok', text: s.text || 'passed' })), ...(trail.evidence.get(con.id) ?? [])]);
    changed('connector', con);
  } else if (cert) {
    if (j.kind === 'issue') Object.assign(cert, { status: 'Issued', issuer: 'Certkeep Local CA', serial: sha(j.id).slice(0, 32), fingerprint: sha(j.id), not_before: iso(Date.now()), not_after: iso(Date.now() + 47 * 86400000), sig_alg: 'SHA256ECDSA', key_info: 'P-256', readiness: cert.server ? 'Deployment Pending' : 'Configuration Pending' });
    if (j.kind === 'deploy') Object.assign(cert, { status: 'Deployed', readiness: 'Ready', failure: '', failure_cause: '', last_provisioned: iso(Date.now()) });
    if (j.kind === 'rollback') Object.assign(cert, { status: 'Rolled Back' });
    if (j.kind === 'revoke') Object.assign(cert, { revoked: true });
    trail.timeline.set(cert.id, [{ time: iso(Date.now()), actor: j.requested_by, action: j.kind, text: j.title, job: j.id }, ...(trail.timeline.get(cert.id) ?? [])]);
    changed('cert', cert);
  }
  record(j.requested_by, j.kind, `job/${j.id}`, j.title);
}

export function run(j, at = 0) {
  const s = j.steps[at];
  if (!s) return finish(j);
  if (j.cancelling) return end(j, 'Cancelled');
  if (!j.started_at) j.started_at = new Date().toISOString();
  Object.assign(s, { state: 'running', started_at: new Date().toISOString(), finished_at: null, text: '' });
  Object.assign(j, { state: 'Running', step: s.name });
  log(j, `${s.name.toLowerCase().padEnd(9)} begins`);
  changed('job', j);
  setTimeout(() => {
    const r = act(j, s);
    if (r.wait) {
      s.text = 'waits for approval';
      j.state = 'Needs Approval';
      return changed('job', j);
    }
    s.finished_at = new Date().toISOString();
    Object.assign(s, { state: r.fail ? 'failed' : 'done', text: r.fail ?? r.text ?? '', evidence: r.evidence ?? '' });
    j.journal.push({ seq: j.journal.length + 1, time: s.finished_at, step: s.name, event: r.fail ? 'failed' : 'after', text: s.text || s.title });
    log(j, `${s.name.toLowerCase().padEnd(9)} ${s.text || 'ok'}`);
    if (r.fail) return end(j, 'Failed', r.fail, r.cause, r.advice);
    if (r.stop) {
      for (const rest of j.steps.slice(at + 1)) rest.state = 'skipped';
      return end(j, r.stop);
    }
    run(j, at + 1);
  }, STEP_MS);
}

export function start(kind, title, more) {
  const j = newJob(kind, title, more);
  changed('job', j);
  setTimeout(() => run(j), 100);
  return j;
}

export function approve(j) {
  Object.assign(j, { approved: true, approved_by: 'alice' });
  const at = j.steps.findIndex((s) => s.state === 'running');
  run(j, Math.max(0, at));
}
export function cancel(j) {
  j.cancelling = true;
  if (j.state === 'Needs Approval' || j.state === 'Queued') end(j, 'Cancelled');
  else changed('job', j);
}
