// One certificate: details, the decoded view, its timeline, the configure form, and what can be done.
import { api, type Cert, type Schemas } from '../api';
import { date } from '../format';
import { Form } from '../form';
import { useLoad, useSchema } from '../load';
import { Link, navigate } from '../router';
import { may } from '../session';
import { Copy, Empty, Facts, Head, Life, Loading, Mono, Note, Pill, Trouble, When } from '../ui/bits';
import { Menu } from '../ui/menu';
import { Tabs } from '../ui/tabs';
import { Timeline } from '../ui/timeline';
import { say } from '../ui/toast';
import { startWork, useCertActions } from './cert-actions';
import { CERT_GROUPS, CERT_SHAPE } from './cert-form';
import { PolicyHelp } from './policy-help';

const UP = { to: '/certificates', text: 'Provisioning Certificates' };

export function CertificateNew() {
  const schema = useSchema('cert');
  if (!schema.data) return schema.error ? <Trouble text={schema.error} /> : <Loading />;
  const fields = schema.data.fields.map((f) => (f.name === 'name' ? { ...f, required: true } : f));
  return (
    <>
      <Head title="Add certificate" up={UP} />
      <Form fields={fields} groups={CERT_GROUPS} shape={CERT_SHAPE} action="Add certificate" aside={(body) => <PolicyHelp body={body} />} onCancel={() => navigate('/certificates')}
        save={async (body) => {
          const { data } = await api.post('/api/v1/certificates', { body: body as Schemas['CertInput'] });
          say(`${data.name} is added. Issue it when its configuration is right.`);
          navigate(`/certificates/${data.id}`, true);
        }} />
    </>
  );
}

export function Certificate({ id, tab }: { id: string; tab: string }) {
  const cert = useLoad(() => api.get('/api/v1/certificates/{id}', { id }), [id], ['cert']);
  const { items, dialog } = useCertActions();
  if (!cert.data) return cert.error ? <Trouble text={cert.error} /> : <Loading />;
  const c = cert.data.data;
  const issued = ['Issued', 'Deployed', 'Rolled Back'].includes(c.status);
  const failed = c.readiness === 'Deployment Failed';
  const write = may('CERT_WRITE');
  const reload = () => void cert.reload();
  const here = `/certificates/${id}`;
  return (
    <>
      <Head title={c.name || 'Certificate'} up={UP} pills={<><Pill word={c.status} />{c.readiness !== 'Ready' && <Pill word={c.readiness} />}{c.revoked && <Pill word="Revoked" />}{c.superseded && <Pill word="Superseded" />}</>}>
        {write && !issued && <button type="button" class="btn primary" onClick={() => void startWork('issue', id)}>Issue</button>}
        {write && failed && <button type="button" class="btn primary" onClick={() => void startWork('retry', id)}>Retry</button>}
        {write && issued && <button type="button" class={failed ? 'btn' : 'btn primary'} onClick={() => void startWork('deploy', id)}>Deploy</button>}
        {write && issued && <button type="button" class="btn" onClick={() => void startWork('deploy', id, true)}>Dry run</button>}
        {write && issued && <button type="button" class="btn" onClick={() => void startWork('renew', id)}>Renew</button>}
        <Menu label="Select Action" items={items(c, reload)}>Select Action <span aria-hidden="true">▾</span></Menu>
      </Head>
      <Tabs base={here} now={tab} tabs={[['details', 'Certificate Details'], ['decoded', 'View Certificate'], ['timeline', 'Timeline'], ...(write ? [['configure', 'Configure'] as [string, string]] : [])]} />
      {tab === 'decoded' ? <Decoded id={id} known={c.fingerprint !== ''} />
        : tab === 'timeline' ? <Timeline read={() => api.get('/api/v1/certificates/{id}/timeline', { id })} records={['cert', 'job', 'order']} />
        : tab === 'configure' ? <Configure cert={c} etag={cert.data.etag} reread={cert.reload} />
        : <Details c={c} />}
      {dialog}
    </>
  );
}

/* The names behind the ids of a certificate, each read once. */
function useNames(c: Cert) {
  const server = useLoad(async () => (c.server && may('SERVER_READ') ? (await api.get('/api/v1/servers/{id}', { id: c.server })).data.description : ''), [c.server]);
  const connector = useLoad(async () => (c.connector && may('CONNECTOR_READ') ? (await api.get('/api/v1/connectors/{id}', { id: c.connector })).data.name : ''), [c.connector]);
  return { server: server.data || c.server, connector: connector.data || c.connector };
}

function Details({ c }: { c: Cert }) {
  const names = useNames(c);
  const lacks = c.readiness === 'Configuration Pending' || c.readiness === 'Bot Unassigned';
  return (
    <div class="stack">
      {c.failure && <Note tone={c.readiness === 'Deployment Pending' ? 'warn' : 'bad'}><strong>The last {c.readiness === 'Deployment Pending' ? 'attempt failed and is to be repeated' : 'job failed'}{c.failure_cause && `: ${c.failure_cause}`}.</strong> {c.failure} {c.job && <Link to={`/jobs/${c.job}`}>Open the job</Link>}</Note>}
      {lacks && <Note tone="warn"><strong>{c.readiness}.</strong> {c.readiness === 'Bot Unassigned' ? 'No bot deploys this certificate yet.' : 'A CA, a server or a file is still missing.'} {may('CERT_WRITE') && <Link to={`/certificates/${c.id}/configure`}>Configure it</Link>}</Note>}
      {c.vulnerable.length > 0 && <Note tone="warn"><strong>Vulnerable:</strong> {c.vulnerable.join('; ')}</Note>}
      {c.policy === 'Findings' && <Note tone="warn"><strong>The policies would refuse it today.</strong> {c.policy_findings.join('; ')}</Note>}
      {c.successor && <Note tone="info">A newer certificate follows this one. <Link to={`/certificates/${c.successor}`}>Open the successor</Link></Note>}
      <div class="pair">
        <section class="card"><h2>Certificate</h2>
          <Facts list={[
            ['Names', c.names.length ? <span class="mono wrap">{c.names.join(', ')}</span> : ''], ['Subject', c.subject],
            ['Validity', c.not_after && c.not_before && <><Life from={c.not_before} to={c.not_after} /> {date(c.not_before)} to {date(c.not_after)}, <When at={c.not_after} /></>],
            ['Issuer CA', c.issuer], ['CA Type', c.issuer && c.ca_type], ['Signature Algorithm', c.sig_alg], ['Key', c.key_info || c.key_alg],
            ['Serial Number', <Mono text={c.serial} copy />], ['Thumbprint (SHA-256)', <Mono text={c.fingerprint} copy />],
            ['Validation Status', c.validation_status && <Validation c={c} />], ['DCV Status', c.dcv_status], ['Organization', c.organization],
          ]} />
        </section>
        <div class="stack">
          <section class="card"><h2>Deployment</h2>
            <Facts list={[
              ['Server', c.server && <Link to={`/servers/${c.server}`}>{names.server}</Link>], ['Certificate Location', c.location && <Mono text={c.location} />],
              ['Certificate File', c.cert_path && <Mono text={c.cert_path} />], ['Key File', c.key_path && <Mono text={c.key_path} />],
              ['Provisioning Bot', c.bot || 'Not Mapped'], ['Deployment Type', c.deployment_type], ['Plan Approval', c.approval], ['Configuration Edits', c.config_edits],
              ['Last Provisioned On', <When at={c.last_provisioned} />], ['Latest job', c.job && <Link to={`/jobs/${c.job}`}>Open the job</Link>],
            ]} />
          </section>
          <section class="card"><h2>Lifecycle</h2>
            <Facts list={[
              ['Certificate Authority', c.connector && <Link to={`/connectors/${c.connector}`}>{names.connector}</Link>],
              ['Order ID', c.order && <Link to={`/orders/${c.order}`}>{c.order_reference || 'Open the order'}</Link>],
              ['Policy', c.policy && <Pill word={c.policy} />], ['Configured By', c.configured_by],
              ['Renewal', c.renewal], ['Renews On', <When at={c.renew_at} none="not planned" />], ['Key Custody', c.key ? <Link to={`/keys/${c.key}`}>{c.key_policy}</Link> : c.key_policy],
              c.predecessor && ['Renews', <Link to={`/certificates/${c.predecessor}`}>Open the predecessor</Link>],
              ['Tags', c.tags.map((t) => <span key={t} class="tag">{t}</span>)], ['Batch Name', c.batch],
            ]} />
          </section>
        </div>
      </div>
    </div>
  );
}

function Validation({ c }: { c: Cert }) {
  return (
    <><Pill word={c.validation_status} /> {c.validation_detail}{c.validated_at && <span class="soft">, as of <When at={c.validated_at} /></span>}</>
  );
}

function Decoded({ id, known }: { id: string; known: boolean }) {
  const text = useLoad(async () => (known ? (await api.get('/api/v1/certificates/{id}/text', { id })).data : null), [id, known], ['cert']);
  if (!known) return <Empty title="Nothing to decode yet"><p>The certificate is shown here as soon as its CA has issued it.</p></Empty>;
  if (!text.data) return text.error ? <Trouble text={text.error} /> : <Loading />;
  return (
    <div class="stack">
      {text.data.chain.map((c, i) => (
        <section key={c.fingerprint} class="card">
          <h2>{i === 0 ? 'Certificate' : i === text.data!.chain.length - 1 && c.subject === c.issuer ? 'Root' : 'Issuer'}</h2>
          {c.findings.map((f) => <Note key={f} tone="warn">{f}</Note>)}
          <Facts list={[
            ['Subject', c.subject], ['Issuer', c.issuer], ['Valid', `${date(c.not_before)} to ${date(c.not_after)}`], ['Public key', c.key],
            ['Signature Algorithm', c.sig_alg], c.names.length > 0 && ['Names', <span class="mono wrap">{c.names.join(', ')}</span>],
            ['Serial Number', <Mono text={c.serial} copy />], ['SHA-256', <Mono text={c.fingerprint} copy />],
          ]} />
        </section>
      ))}
      <section class="card"><div class="bar"><h2>In words</h2><span class="grow" /><Copy text={text.data.text} /></div><pre tabIndex={0}>{text.data.text}</pre></section>
    </div>
  );
}

function Configure({ cert, etag, reread }: { cert: Cert; etag: string | undefined; reread: () => Promise<void> }) {
  const schema = useSchema('cert');
  if (!schema.data) return schema.error ? <Trouble text={schema.error} /> : <Loading />;
  return (
    <Form fields={schema.data.fields} record={cert} groups={CERT_GROUPS} shape={CERT_SHAPE} action="Save" reread={reread} aside={(body) => <PolicyHelp body={body} />}
      save={async (body) => {
        await api.patch('/api/v1/certificates/{id}', { id: cert.id, ifMatch: etag, body: body as Schemas['CertInput'] });
        say('Saved. It is used from the next order or deployment on.');
        await reread();
      }} />
  );
}
