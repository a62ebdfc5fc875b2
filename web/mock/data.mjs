// Realistic records for the mock, the same on each start (a seeded generator, times relative to now).
import { createHash } from 'node:crypto';

let seed = 20260;
const rnd = () => { seed = (seed * 1103515245 + 12345) % 2147483648; return seed / 2147483648; };
const pick = (list) => list[Math.floor(rnd() * list.length)];
const DAY = 86400000;
export const iso = (ms) => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
const ago = (days) => iso(Date.now() - days * DAY);
const ahead = (days) => iso(Date.now() + days * DAY);
export const sha = (t) => createHash('sha256').update(t).digest('hex');
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
let serial = 0;
export function newId() {
  const h = createHash('sha256').update(`id${++serial}`).digest();
  return Array.from(h.subarray(0, 20), (b) => ALPHABET[b % 32]).join('');
}
export const db = { cert: [], server: [], connector: [], order: [], job: [], key: [], policy: [], user: [], token: [] };
export const trail = { timeline: new Map(), evidence: new Map() };
export const audit = [];
export function add(table, record) {
  const r = { id: newId(), rev: 1, created_at: ago(rnd() * 60 + 1), updated_at: ago(rnd()), ...record };
  db[table].push(r);
  return r;
}
export function record(actor, action, object, name, result = 'ok', detail = '', time = iso(Date.now())) {
  const seq = audit.length + 1;
  audit.push({ seq, time, actor, client: '10.1.0.23', action, object, name, result, detail, hash: sha(`${seq}${action}${name}`) });
}

const SITES = ['shop', 'api', 'intranet', 'mail', 'vpn-2', 'erp', 'wiki', 'sso', 'cdn', 'status', 'pay', 'git', 'registry', 'files', 'chat', 'docs', 'portal', 'hr', 'crm', 'beta'];
const ZONES = ['example.com', 'corp.example', 'example.org'];
const STEPS = [['CONNECT', 'Connect'], ['DISCOVER', 'Discover'], ['PLAN', 'Plan'], ['BACKUP', 'Back up'], ['STAGE', 'Stage'], ['VALIDATE', 'Validate'], ['ARM', 'Arm rollback timer'], ['SWITCH', 'Switch'], ['ACTIVATE', 'Activate'], ['VERIFY', 'Verify'], ['COMMIT', 'Commit']];
export const STEP_NAMES = {
  deploy: STEPS,
  issue: [['KEY', 'Make key'], ['CSR', 'Sign request'], ['ORDER', 'Order'], ['FETCH', 'Fetch certificate'], ['CHECK', 'Check']],
  'server check': [['NETWORK', 'Network'], ['IDENTITY', 'Host key'], ['LOGIN', 'Login'], ['ELEVATION', 'Elevation'], ['PATH', 'Nginx configuration'], ['SERVICE', 'Service']],
  'connector check': [['ADDRESS', 'Address'], ['TLS', 'TLS'], ['ACCOUNT', 'Account'], ['POLICY', 'Policy']],
  rollback: [['CONNECT', 'Connect'], ['ROLLBACK', 'Roll back'], ['VERIFY', 'Verify']],
  revoke: [['REVOKE', 'Revoke at the CA'], ['CONFIRM', 'Confirm']],
};
export const planOf = (name, loc) => `/etc/nginx/tls/${name}.crt\n- leaf ${sha(name).slice(0, 8)}  CN=${name}  until ${ahead(2).slice(0, 10)}  RSA-2048\n+ leaf ${sha(`${name}2`).slice(0, 8)}  CN=${name}  until ${ahead(47).slice(0, 10)}  P-256   names +0 -0\n/etc/nginx/tls/${name}.key\n+ key  P-256, 0600 root:root, sealed to this server\nrun  nginx -t\nrun  systemctl reload nginx.service\ncheck  ${loc}  SNI ${name}\ninterruption: none`;

export function newJob(kind, title, more = {}) {
  const steps = STEP_NAMES[kind].map(([name, t]) => ({ name, title: t, state: 'waiting', started_at: null, finished_at: null, text: '', evidence: '' }));
  return add('job', {
    kind, title, state: 'Queued', step: '', cert: '', server: '', order: '', connector: '', follows: '', key: '', requested_by: 'alice', dry_run: false, redeploy: false, unchanged: false, approved: false,
    approved_by: '', cancelling: false, attempts: 1, next_at: null, started_at: null, finished_at: null, error: '', cause: '', advice: '', plan_text: '', risks: [],
    steps, journal: [], log: [], follows_up: [], created_at: iso(Date.now()), updated_at: iso(Date.now()), ...more,
  });
}

/* A job as it stands after `done` steps, ending (or not) in `state`. */
function pastJob(kind, title, done, state, hoursAgo, more = {}) {
  const start = Date.now() - hoursAgo * 3600000;
  const j = newJob(kind, title, { state, started_at: iso(start), created_at: iso(start), ...more });
  let t = start;
  j.steps.forEach((s, i) => {
    if (i > done) return;
    s.started_at = iso(t);
    s.state = i < done ? 'done' : state === 'Done' ? 'done' : state === 'Failed' ? 'failed' : state === 'Rolled Back' ? 'rolled back' : state === 'Needs Approval' ? 'running' : 'running';
    t += 400 + rnd() * 1500;
    if (s.state !== 'running') s.finished_at = new Date(t).toISOString();
    j.step = s.name;
    j.log.push({ seq: j.log.length + 1, time: iso(t), line: `${s.name.toLowerCase().padEnd(9)} ${s.title}: ${s.state}` });
    j.journal.push({ seq: j.journal.length + 1, time: iso(t), step: s.name, event: s.state === 'failed' ? 'failed' : 'after', text: s.title });
  });
  if (!['Running', 'Needs Approval', 'Queued', 'Waiting'].includes(state)) j.finished_at = iso(t);
  return j;
}

export function seedAll() {
  const users = [['alice', 'Alice Example', ['viewer', 'operator', 'approver', 'connector-admin', 'security-officer', 'auditor']], ['bob', 'Bob Berg', ['operator']], ['carol', 'Carol Chen', ['approver', 'auditor']]];
  for (const [username, full_name, roles] of users) add('user', { username, full_name, roles, disabled: false, last_sign_in: ago(rnd() * 3), has_password: true });
  const con = (name, type, base_url, state, ca_type, more = {}) => add('connector', { name, type, base_url, state, error: '', category: '', ca_type, last_check: ago(0.01), detail: '', settings: {}, ...more });
  const local = con('Local CA', 'local', '', 'Active', 'Private', { detail: 'CN=Certkeep Local CA, P-256, valid for 10 years', settings: { subject: 'CN=Certkeep Local CA', root_days: 3650, max_days: 90, permitted: [], client_auth: false, crl_url: '' } });
  const acme = con('Example ACME', 'acme', 'https://acme.example/directory', 'Active', 'Public', { detail: 'Account in good standing, http-01', settings: { base_url: 'https://acme.example/directory', contact: 'pki@example.com', trust: '', terms_agreed: true, eab_id: '', has_eab_key: true } });
  const bad = con('Staging ACME', 'acme', 'https://acme-staging.example/directory', 'Error', 'Public', { error: 'The CA answered 401: the account key is not known there. Register the account again with Test.', category: 'authentication', settings: { base_url: 'https://acme-staging.example/directory', contact: '', trust: '', terms_agreed: true, eab_id: 'kid-7', has_eab_key: true } });
  for (const c of [local, acme, bad]) trail.evidence.set(c.id, [{ time: ago(0.01), step: 'Address', state: 'ok', text: c.base_url || 'in this appliance' }, { time: ago(0.01), step: 'Account', state: c === bad ? 'failed' : 'ok', text: c.error || 'may issue and revoke' }]);

  const limits = { description: '', builtin: '', for_names: [], for_tags: [], for_connectors: [], for_ca_types: [], connectors: [], key_algs: [], custodies: [], max_days: 0, max_days_from: [], suffixes: [], wildcards: true, max_names: 0, renew_percent: 0, renew_days: 0, approval: 'as configured', windows: [] };
  add('policy', { ...limits, name: 'Default', description: 'Holds for every certificate', builtin: 'default', key_algs: ['rsa-2048', 'rsa-3072', 'rsa-4096', 'p-256', 'p-384', 'ed25519'], max_days: 825 });
  add('policy', { ...limits, name: 'Public TLS', description: 'Validity that browsers accept (CA/Browser Forum)', builtin: 'public-tls', for_ca_types: ['Public'], max_days_from: ['2020-09-01 398', '2026-03-15 200', '2027-03-15 100', '2029-03-15 47'] });
  add('policy', { ...limits, name: 'Production', description: 'Web sites of production', for_tags: ['env=production'], connectors: [local.id, acme.id], key_algs: ['p-256', 'p-384'], max_days: 90, wildcards: false, approval: 'four eyes', windows: ['Mon-Fri 22:00-04:00', 'Sat 00:00-24:00'], renew_percent: 40 });
  const servers = [];
  for (let i = 1; i <= 24; i++) {
    const state = i === 7 ? 'Unverified' : i === 12 ? 'Auth Failed' : i === 15 ? 'Unreachable' : i === 20 ? 'Disabled' : 'Active';
    const key = `ssh-ed25519 SHA256:${createHash('sha256').update(`k${i}`).digest('base64').slice(0, 43)}`;
    servers.push(add('server', {
      description: `Production web ${i}`, address: `10.1.2.${i + 6}`, server_type: 'nginx', version: '1.26', protocol: 'ssh', port: 22, username: 'deploy', login: i % 3 ? 'key' : 'password', has_password: i % 3 === 0, has_ssh_key: i % 3 !== 0,
      sudo: 'sudo', has_sudo_password: false, nginx_path: '/etc/nginx', keystore_path: '/etc/nginx/tls', ports: ['443'], service_name: 'nginx', verify_address: '', rollback_seconds: 120, state, bot: 'built-in',
      tags: [i % 4 ? 'env=production' : 'env=uat', `dc=${pick(['frankfurt', 'oslo'])}`], group: pick(['web', 'edge', 'intranet']), last_check: state === 'Unverified' ? null : ago(rnd() * 0.2),
      last_error: state === 'Auth Failed' ? 'The host key has changed since it was pinned. Compare the new one on the console of the server.' : state === 'Unreachable' ? 'No answer from 10.1.2.21 port 22 within 10 s. Check the address, the firewall and whether the server is up.' : '',
      detected_version: state === 'Active' ? 'nginx/1.26.3' : '', warning: '', host_keys: state === 'Unverified' ? [] : [key], offered_keys: state === 'Auth Failed' ? [`ssh-ed25519 SHA256:${createHash('sha256').update('new').digest('base64').slice(0, 43)}`, `ecdsa-sha2-nistp256 SHA256:${createHash('sha256').update('new2').digest('base64').slice(0, 43)}`] : [],
    }));
  }
  certs(servers, local, acme);
  for (const [i, label] of ['ci pipeline', 'monitoring'].entries()) add('token', { kind: 'token', label, user: db.user[0].id, client: '10.1.0.23', expires_at: i ? null : ahead(90), last_used: ago(rnd()), roles: ['viewer'] });
  for (let i = 0; i < 240; i++) {
    const c = pick(db.cert);
    const [action, object, result, detail] = pick([['sign in', 'session', 'ok', 'by password'], ['certs_issue', `certificate/${c.id}`, 'ok', 'job started'], ['certs_update', `certificate/${c.id}`, 'ok', 'configured'], ['sign in', 'session', 'denied', 'User Name or Password is not right'], ['servers_test', 'server', 'ok', ''], ['deploy', `certificate/${c.id}`, 'failed', 'handshake showed the old leaf']]);
    record(pick(['alice', 'bob', 'carol', 'scheduler']), action, object, c.name, result, detail, iso(Date.now() - (240 - i) * 3600000));
  }
}

function certs(servers, local, acme) {
  for (let i = 0; i < 180; i++) {
    const name = `${SITES[i % SITES.length]}${i < 20 ? '' : `-${Math.floor(i / 20)}`}.${ZONES[i % 3]}`;
    const server = servers[i % servers.length], con = i % 3 === 1 ? acme : local;
    const [status, readiness] = i === 1 ? ['Rolled Back', 'Deployment Failed'] : i === 5 ? ['Issued', 'Deployment Failed'] : i === 6 ? ['Issued', 'Deployment Pending'] : i === 2 ? ['Order Pending', 'Deployment Pending'] : i % 23 === 8 ? ['Initiated', 'Configuration Pending'] : i % 29 === 11 ? ['Discovered', 'Bot Unassigned'] : ['Deployed', 'Ready'];
    const issued = ['Issued', 'Deployed', 'Rolled Back'].includes(status);
    const left = i === 0 ? 1.8 : i === 3 ? 2.9 : i === 4 ? 6.2 : 4 + rnd() * 80, life = con === local ? 90 : 47;
    const loc = `${server.address}:443`;
    const c = add('cert', {
      name, names: [name, `www.${name}`, ...(i % 5 === 0 ? [`m.${name}`, `static.${name}`] : [])], status, readiness, issuer: issued ? (con === local ? 'Certkeep Local CA' : 'Example TLS CA 2') : '', ca_type: con.ca_type, location: status === 'Discovered' ? '' : loc,
      not_after: issued ? ahead(left) : null, not_before: issued ? ahead(left - Math.max(life, left + 1)) : null, sig_alg: issued ? 'SHA256ECDSA' : '', key_info: issued ? 'P-256' : '', serial: issued ? sha(`s${name}`).slice(0, 32) : '', fingerprint: issued ? sha(name) : '',
      subject: '', organization: i % 4 ? '' : 'Example Ltd', discovery_bot: '', bot: readiness === 'Bot Unassigned' ? '' : 'built-in', connector: status === 'Discovered' ? '' : con.id, server: ['Configuration Pending', 'Bot Unassigned'].includes(readiness) ? '' : server.id,
      cert_path: `/etc/nginx/tls/${name}.crt`, key_path: `/etc/nginx/tls/${name}.key`, port: 443, sni: '', key_alg: 'p-256', key_policy: 'deployable', validity_days: life, profile: '', renewal: i % 11 === 0 ? 'manual' : 'automatic', renew_days: 0, approval: i % 7 ? 'automatic' : 'manual',
      deploy_after: null, renew_at: issued ? ahead(left - life / 3) : null, deployment_type: 'automated', order_reference: issued ? `ord-${10000 + i}` : '', order: '', key: '', job: '', batch: '', tags: [i % 4 ? 'env=production' : 'env=uat'], scan_ip: '', scan_port: 0,
      last_provisioned: status === 'Deployed' ? ahead(left - life) : null, validation_status: !issued ? '' : i === 7 ? 'Name mismatch' : i === 9 ? 'Revocation unknown' : 'Valid', validation_detail: !issued ? '' : i === 7 ? `it does not cover m.${name}; not on the list of Local CA` : i === 9 ? 'revocation: its list at http://crl.example/tls.crl could not be had: the server answered 404' : 'chain complete, names covered; not on the list of Local CA', validated_at: issued && i !== 9 ? ago(0.1) : null, validate_at: issued ? ahead(0.15) : null, dcv_status: con === acme && issued ? 'http-01 passed' : '', vulnerable: i === 9 ? ['validity is longer than 47 days'] : [], ignored: false, revoked: false,
      predecessor: '', successor: '', superseded: false, failure: '', failure_cause: '', configured_by: 'alice',
      ...(i % 30 === 9 ? { policy: 'Findings', policy_findings: ['Key Algorithm: policy Production does not allow rsa-2048; choose one of p-256, p-384'], refused_by: [db.policy[2].id] } : { policy: 'Compliant', policy_findings: [], refused_by: [] }),
    });
    if (issued) {
      c.key = add('key', { label: name, alg: 'P-256', policy: 'deployable', spki_sha256: sha(`k${name}`), cert: c.id }).id;
    }
    if (status !== 'Discovered' && i < 60) {
      const state = status === 'Order Pending' ? 'Validation Pending' : issued ? 'Certificate Issued' : i % 2 ? 'Failed' : 'Queued';
      c.order = add('order', { cert: c.id, name, connector: con.id, connector_name: con.name, state, reference: issued ? `ord-${10000 + i}` : '', attempts: 1, next_at: state === 'Queued' || state === 'Validation Pending' ? ahead(0.01) : null, submitted_at: issued || state === 'Validation Pending' ? ago(i / 3) : null, issued_at: issued ? ago(i / 3) : null, expires_at: issued ? c.not_after : null, expired_at: null, error: state === 'Failed' ? 'The CA refused the request: the name is not permitted by its constraints.' : state === 'Queued' ? 'The CA did not answer within 30 s. The order is kept and sent again.' : '', category: state === 'Failed' ? 'policy' : state === 'Queued' ? 'network timeout' : '', requested_by: 'scheduler', job: '', validity_days: life, profile: '', revoke_reason: 0, revoke_comments: '' }).id;
      trail.timeline.set(c.order, [{ time: ago(i / 3), actor: 'scheduler', action: 'submitted', text: `to ${con.name}` }]);
    }
    trail.timeline.set(c.id, [{ time: ago(1), actor: 'alice', action: 'configured', text: 'connector, server and files' }, { time: ago(40), actor: 'bob', action: 'added', text: 'by hand' }]);
  }
  const job = (kind, title, c, done, state, h, more = {}) => {
    const j = pastJob(kind, title, done, state, h, { cert: c.id, server: c.server, plan_text: kind === 'deploy' ? planOf(c.name, c.location) : '', ...more });
    c.job = j.id;
    return j;
  };
  const [shop, api, , , , erp, wiki] = db.cert;
  for (let i = 20; i < 44; i++) job('deploy', `Deploy ${db.cert[i].name} to ${servers[i % 24].description}`, db.cert[i], 10, 'Done', i);
  api.failure = 'The handshake with 10.1.2.8:443 showed the old leaf 9f3c04d1. The reload was accepted, so another process may own port 443.';
  api.failure_cause = 'verification';
  job('deploy', `Deploy ${api.name} to Production web 2`, api, 9, 'Rolled Back', 3, { error: api.failure, cause: 'verification', advice: 'Look on the server with ss -ltnp which process owns port 443, then retry.' });
  erp.failure = 'Cannot write /etc/nginx/tls: permission denied for deploy.';
  erp.failure_cause = 'permission';
  job('deploy', `Deploy ${erp.name} to Production web 6`, erp, 4, 'Failed', 1, { error: erp.failure, cause: 'permission', advice: 'Give deploy write access to the folder, or set Elevation to sudo, then retry.' });
  job('deploy', `Deploy ${wiki.name} to Production web 7`, wiki, 2, 'Needs Approval', 0.2, { risks: ['The certificate loses the name old-wiki.example.com'] });
  job('deploy', `Deploy ${shop.name} to Production web 1`, shop, 6, 'Running', 0.001);
}
