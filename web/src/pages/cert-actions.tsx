// What can be done with a certificate, from the list and from its page, and the questions asked first.
import { useState } from 'preact/hooks';
import { api, type Cert } from '../api';
import { useLoad } from '../load';
import { navigate } from '../router';
import { may } from '../session';
import { Confirm } from '../ui/dialog';
import type { MenuItem } from '../ui/menu';
import { complain, say } from '../ui/toast';

const REASONS: [number, string][] = [[0, 'Unspecified'], [1, 'Key compromise'], [3, 'Affiliation changed'], [4, 'Superseded'], [5, 'Cessation of operation'], [9, 'Privilege withdrawn']];
type Work = 'issue' | 'renew' | 'rotate' | 'deploy' | 'redeploy' | 'retry' | 'rollback';
type Asked = { what: 'revoke' | 'delete' | 'rollback' | 'download'; cert: Cert; reload: () => void };

/* Starts work and goes to its job. */
export async function startWork(work: Work, id: string, dryRun = false): Promise<void> {
  try {
    const r = work === 'rollback' || work === 'retry'
      ? await api.post(`/api/v1/certificates/{id}/${work}`, { id })
      : await api.post(`/api/v1/certificates/{id}/${work}`, { id, body: dryRun ? { dry_run: true } : {} });
    navigate(`/jobs/${r.data.job}`);
  } catch (e) {
    complain(e);
  }
}

async function setIgnored(id: string, name: string, ignored: boolean): Promise<void> {
  if (ignored) await api.post('/api/v1/certificates/{id}/ignore', { id });
  else await api.post('/api/v1/certificates/{id}/unignore', { id });
  say(ignored ? `${name} is ignored: it left inventory and workflows.` : `${name} is back in inventory and workflows.`);
}

export function useCertActions() {
  const [asked, ask] = useState<Asked | null>(null);
  const close = () => ask(null);
  const items = (cert: Cert, reload: () => void): MenuItem[] => {
    const has = ['Issued', 'Deployed', 'Rolled Back'].includes(cert.status);
    const none = has ? undefined : 'No certificate is issued yet';
    const unknown = cert.fingerprint ? undefined : 'No certificate is known yet'; // a discovered one is
    const read: MenuItem[] = [
      { label: 'Certificate Details', run: () => navigate(`/certificates/${cert.id}`) },
      { label: 'View Certificate', run: () => navigate(`/certificates/${cert.id}/decoded`), why: unknown },
      { label: 'Download Certificate', run: () => ask({ what: 'download', cert, reload }), why: unknown },
    ];
    if (!may('CERT_WRITE')) return read;
    return [
      { label: 'Configure', run: () => navigate(`/certificates/${cert.id}/configure`) },
      ...(has ? [] : [{ label: 'Issue', run: () => void startWork('issue', cert.id) }]),
      { label: 'Deploy', run: () => void startWork('deploy', cert.id), why: none },
      { label: 'Dry run', run: () => void startWork('deploy', cert.id, true), why: none },
      { label: 'Renew', run: () => void startWork('renew', cert.id), why: none },
      { label: 'Rotate (new key)', run: () => void startWork('rotate', cert.id), why: none },
      { label: 'Redeploy', run: () => void startWork('redeploy', cert.id), why: none },
      { label: 'Retry', run: () => void startWork('retry', cert.id), why: cert.failure_cause ? undefined : 'Its last job did not fail' },
      { label: 'Roll back', run: () => ask({ what: 'rollback', cert, reload }), why: cert.status === 'Deployed' ? undefined : 'Nothing of it is deployed' },
      ...read,
      {
        label: cert.ignored ? 'Take back' : 'Ignore',
        run: () => void setIgnored(cert.id, cert.name, !cert.ignored).then(reload, complain),
      },
      { label: 'Revoke', danger: true, run: () => ask({ what: 'revoke', cert, reload }), why: cert.revoked ? 'It is revoked' : none },
      { label: 'Delete', danger: true, run: () => ask({ what: 'delete', cert, reload }) },
    ];
  };
  return { items, ask, dialog: asked && <Question {...asked} onClose={close} /> };
}

function Question({ what, cert, reload, onClose }: Asked & { onClose: () => void }) {
  switch (what) {
    case 'revoke':
      return <Revoke cert={cert} onClose={onClose} />;
    case 'delete':
      return (
        <Confirm title={`Delete ${cert.name}`} action="Delete" danger typed={cert.name} onClose={onClose}
          run={async () => {
            await api.delete('/api/v1/certificates/{id}', { id: cert.id });
            say(`${cert.name} left the inventory.`);
            if (location.pathname.includes(cert.id)) navigate('/certificates', true);
            else reload();
          }}>
          <p>The entry leaves the provisioning inventory and is renewed no more. The server keeps its files, and the CA still knows the certificate: revoke it first if it must not be trusted.</p>
        </Confirm>
      );
    case 'rollback':
      return (
        <Confirm title={`Roll back ${cert.name}`} action="Roll back" onClose={onClose} run={async () => { await startWork('rollback', cert.id); }}>
          <p>The files from before the latest deployment are put back and the service is reloaded. A handshake proves that the former certificate serves again.</p>
        </Confirm>
      );
    default:
      return (
        <Confirm title={`Download ${cert.name}`} action="Close" onClose={onClose} run={async () => undefined}>
          <p>The certificate only; the private key stays in the HSM.</p>
          <ul class="plain rows">
            {([['pem', 'PEM', 'the certificate alone'], ['chain', 'PEM chain', 'with its issuers, as servers want it'], ['der', 'DER', 'the certificate alone, binary']] as const).map(([format, label, help]) => (
              <li key={format}><a class="btn" href={`/api/v1/certificates/${cert.id}/download?format=${format}`} download>{label}</a><span class="soft grow">{help}</span></li>
            ))}
          </ul>
        </Confirm>
      );
  }
}

/* The reasons the CA of the certificate takes; all, where this person may not read connectors: the appliance judges. */
async function reasonsOf(cert: Cert): Promise<[number, string][]> {
  if (!cert.connector || !may('CONNECTOR_READ')) return REASONS;
  const [c, kinds] = await Promise.all([api.get('/api/v1/connectors/{id}', { id: cert.connector }), api.get('/api/v1/connector-kinds')]);
  const kind = kinds.data.items.find((x) => x.name === c.data.type);
  return kind ? REASONS.filter(([n]) => kind.revoke_reasons.includes(n)) : REASONS;
}

function Revoke({ cert, onClose }: { cert: Cert; onClose: () => void }) {
  const reasons = useLoad(() => reasonsOf(cert), [cert.connector]);
  const [reason, setReason] = useState('');
  const [comments, setComments] = useState('');
  return (
    <Confirm title={`Revoke ${cert.name}`} action="Revoke" danger typed={cert.name} ready={reason !== ''} onClose={onClose}
      run={async () => {
        const body = { reason: Number(reason) as 0 | 1 | 3 | 4 | 5 | 9, ...(comments.trim() ? { comments: comments.trim() } : {}) };
        const r = await api.post('/api/v1/certificates/{id}/revoke', { id: cert.id, body });
        navigate(`/jobs/${r.data.job}`);
      }}>
      <p>The CA will say to everybody that this certificate must not be trusted. This cannot be undone, and servers that still serve it will be refused.</p>
      <div class="field">
        <label for="revoke-reason">Reason<span class="req" aria-hidden="true"> required</span></label>
        <select id="revoke-reason" value={reason} onChange={(e) => setReason(e.currentTarget.value)}>
          <option value="" disabled>Choose</option>
          {(reasons.data ?? []).map(([n, text]) => <option key={n} value={n}>{text}</option>)}
        </select>
      </div>
      <div class="field">
        <label for="revoke-comments">Comments</label>
        <textarea id="revoke-comments" rows={3} maxLength={500} value={comments} onInput={(e) => setComments(e.currentTarget.value)} />
        <p class="help">Kept with the order and in the audit.</p>
      </div>
    </Confirm>
  );
}
