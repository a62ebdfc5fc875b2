// What an operator sets on the mock: network settings that are tried and kept, the certificate of the UI, power.
import { db, iso, sha } from './data.mjs';
import { problem } from './routes.mjs';

const bad = (...a) => ({ error: problem(...a) });
const settings = { host_name: 'certkeep.corp.example', dns: ['192.0.2.53'], search: '', confirm_s: 120, interfaces: [{ name: 'eth0', ipv4: 'dhcp', address: '', gateway: '', ipv6: 'auto', address6: '' }] };
const machine = { settings, pending: null, until: 0, rev: 1 };

const now = () => {
  if (machine.pending && machine.until < Date.now()) machine.pending = null;
  const used = (machine.pending ?? machine.settings).interfaces.find((i) => i.name === 'eth0');
  const fixed = used?.ipv4 === 'static';
  return {
    settings: machine.settings, of_image: false, pending: machine.pending, until: machine.pending ? iso(machine.until) : null,
    warnings: machine.pending && fixed ? [`eth0 gives up 192.0.2.20/24: a connection to that address ends. Open the UI at the new address and confirm there.`] : [],
    in_force: {
      host_name: (machine.pending ?? machine.settings).host_name || 'certkeep', dns: ['192.0.2.53'], search: '',
      interfaces: [
        { name: 'eth0', hardware: '52:54:00:12:34:56', up: true, addresses: [fixed ? used.address : '192.0.2.20/24', '2001:db8::5054:ff:fe12:3456/64'], routers: ['192.0.2.1'], lease: fixed ? null : { server: '192.0.2.1', seconds: 86400, since: iso(Date.now() - 7200000) } },
        { name: 'eth1', hardware: '52:54:00:12:34:57', up: false, addresses: [], routers: [], lease: null },
      ],
    },
  };
};
const answer = () => ({ body: now(), headers: { ETag: `"${machine.rev}"` } });

const one = (subject, issuer, days) => ({ subject, issuer, names: ['certkeep.corp.example'], not_before: iso(Date.now() - 86400000), not_after: iso(Date.now() + days * 86400000), fingerprint: sha(subject + days) });
const fresh = (names) => ({ imported: false, names, certificates: [one('CN=Certkeep admin UI', 'CN=Certkeep Local CA', 47)], renew_at: iso(Date.now() + 31 * 86400000), warnings: [] });
let identity = fresh(['certkeep.corp.example', 'localhost']);

/* take: the check of a body against its fields (routes.mjs). */
export const settingRoutes = (take) => [
  ['GET', /^\/api\/v1\/system\/network$/, answer],
  ['PATCH', /^\/api\/v1\/system\/network$/, ({ body }) => {
    const { interfaces = [], ...general } = body;
    const base = structuredClone(machine.pending ?? machine.settings);
    const t = take('network', general, base, true);
    if (t.error) return t;
    for (const i of interfaces) {
      const at = t.next.interfaces.findIndex((x) => x.name === i.name);
      const one = take('interface', i, at < 0 ? { name: '', ipv4: 'dhcp', address: '', gateway: '', ipv6: 'auto', address6: '' } : t.next.interfaces[at], true);
      if (one.error) return one;
      if (one.next.ipv4 === 'static' && !/^\d+\.\d+\.\d+\.\d+\/\d+$/.test(one.next.address)) return bad(400, 'input', `IPv4 address: ${i.name}: expected an IPv4 address with its prefix length, as 192.0.2.10/24`, 'address');
      if (at < 0) t.next.interfaces.push(one.next);
      else t.next.interfaces[at] = one.next;
    }
    Object.assign(machine, { pending: t.next, until: Date.now() + t.next.confirm_s * 1000 });
    return answer();
  }],
  ['POST', /^\/api\/v1\/system\/network\/confirm$/, () => {
    if (!machine.pending) return bad(409, 'conflict', 'no change of the network waits for a confirmation: it came too late, or none was made');
    Object.assign(machine, { settings: machine.pending, pending: null, rev: machine.rev + 1 });
    return answer();
  }],
  ['POST', /^\/api\/v1\/system\/network\/revert$/, () => { machine.pending = null; return answer(); }],
  ['GET', /^\/api\/v1\/system\/identity$/, () => ({ body: identity })],
  ['POST', /^\/api\/v1\/system\/identity\/request$/, ({ body }) => {
    if (body.names?.some((n) => /\s/.test(n))) return bad(400, 'input', `names: ${body.names[0]}: expected a host name`, 'names');
    if (body.names?.length) identity.names = body.names;
    return { body: { csr: '-----BEGIN CERTIFICATE REQUEST-----\nMIIBPTCB5AIBADAeMRwwGgYDVQQDDBNDZXJ0a2VlcCBhZG1pbiBVSTBZMBMGByqG\n-----END CERTIFICATE REQUEST-----\n' } };
  }],
  ['POST', /^\/api\/v1\/system\/identity\/import$/, ({ body }) => {
    if (!body.chain.includes('BEGIN CERTIFICATE')) return bad(400, 'input', 'chain: expected certificates as PEM', 'chain');
    identity = { ...identity, imported: true, certificates: [one('CN=keep.corp.example', 'CN=Corp Issuing', 60), one('CN=Corp Issuing', 'CN=Corp Root', 900)], renew_at: iso(Date.now() + 60 * 86400000) };
    return { body: identity };
  }],
  ['POST', /^\/api\/v1\/system\/identity\/renew$/, ({ body }) => { identity = fresh(body.names?.length ? body.names : identity.names); return { body: identity }; }],
  ['GET', /^\/api\/v1\/system\/power$/, () => ({ body: { jobs: db.job.filter((j) => j.state === 'Running').map(({ id, title, state }) => ({ id, title, state })) } })],
  ['POST', /^\/api\/v1\/system\/power$/, ({ body, appliance }) => { appliance.asked = body.act; return { body: { jobs: [] } }; }],
];
