// CA Connectors: the list, + Create by kind, and one connector with its test, evidence and form.
import { useState } from 'preact/hooks';
import { api, type Connector as Record_, type Field, type Schemas } from '../api';
import { Form } from '../form';
import { useLoad, useSchema } from '../load';
import { Link, navigate } from '../router';
import { may } from '../session';
import { List } from '../table';
import { Empty, Facts, Head, Loading, Mono, Note, Pill, Trouble, When } from '../ui/bits';
import { Confirm } from '../ui/dialog';
import { Menu, type MenuItem } from '../ui/menu';
import { Run } from '../ui/run';
import { Tabs } from '../ui/tabs';
import { Tip } from '../ui/tip';
import { complain, say } from '../ui/toast';

const UP = { to: '/connectors', text: 'CA Connectors' };
const TEMPLATE = 'Edit, Disable, Reactivate and Delete Template act on this connector, not on a template at the CA.';

async function work(id: string, what: 'test' | 'reactivate'): Promise<string> {
  return what === 'test'
    ? (await api.post('/api/v1/connectors/{id}/test', { id })).data.job
    : (await api.post('/api/v1/connectors/{id}/reactivate', { id })).data.job;
}

async function disable(c: Record_): Promise<void> {
  await api.post('/api/v1/connectors/{id}/disable', { id: c.id });
  say(`${c.name} is Inactive: orders for it wait until it is reactivated.`);
}

function items(c: Record_, run: (what: 'test' | 'reactivate') => void, reload: () => void, remove: () => void): MenuItem[] {
  const off = c.state === 'Inactive';
  return [
    { label: 'Edit Template', run: () => navigate(`/connectors/${c.id}/edit`) },
    { label: 'Test', run: () => run('test'), why: off ? 'It is inactive' : undefined },
    off ? { label: 'Reactivate Template', run: () => run('reactivate') }
      : { label: 'Disable Template', run: () => void disable(c).then(reload, complain) },
    { label: 'Delete Template', danger: true, run: remove, why: ['Inactive', 'Error', 'Draft'].includes(c.state) ? undefined : 'Disable it first' },
  ];
}

export function Connectors() {
  const [removing, remove] = useState<{ c: Record_; reload: () => void } | null>(null);
  const write = may('CONNECTOR_WRITE');
  const create = write && <Link class="btn primary" to="/connectors/new">+ Create</Link>;
  return (
    <>
      <Types />
      <List table="connector" title="CA Connectors" extra={['state', 'name']}
        {...(write ? { actions: (row, reload) => {
          const c = row as unknown as Record_;
          return items(c, (what) => void work(c.id, what).then((job) => navigate(`/jobs/${job}`), complain), reload, () => remove({ c, reload }));
        } } : {})}
        empty={<Empty title="No connectors yet"><p>A connector is the way to a CA: its address, its account and its limits. Certificates are ordered through it.</p>{create}</Empty>}>
        {create}
      </List>
      {removing && <Remove c={removing.c} onDone={removing.reload} onClose={() => remove(null)} />}
    </>
  );
}

/* A list per type, as filters of the one list. */
function Types() {
  const kinds = useLoad(async () => (await api.get('/api/v1/connector-kinds')).data.items, []);
  const now = new URLSearchParams(location.search).getAll('filter');
  const to = (kind: string) => `/connectors?${new URLSearchParams({ filter: `type:equals:${kind}` })}`;
  return (
    <nav class="tabs" aria-label="Types of connector">
      <Link to="/connectors" aria-current={now.some((f) => f.startsWith('type:')) ? undefined : 'page'}>All</Link>
      {(kinds.data ?? []).map((k) => <Link key={k.name} to={to(k.name)} aria-current={now.includes(`type:equals:${k.name}`) ? 'page' : undefined}>{k.title}</Link>)}
    </nav>
  );
}

function Remove({ c, onDone, onClose }: { c: Record_; onDone: () => void; onClose: () => void }) {
  return (
    <Confirm title={`Delete ${c.name}`} action="Delete" danger typed={c.name} onClose={onClose}
      run={async () => {
        await api.delete('/api/v1/connectors/{id}', { id: c.id });
        say(`${c.name} is deleted, and its secrets are destroyed.`);
        onDone();
      }}>
      <p>The connector and its secrets are destroyed here; the CA is not told. It is refused while a certificate is configured for it.</p>
    </Confirm>
  );
}

const NAME: Field = { name: 'name', label: 'Name', kind: 'text', required: true, min: 1, max: 100, help: 'Unique name of the connector', example: 'Issuing CA 2' };

/* The name is a member of its own; all others are settings. */
function bodyOf(typed: Record<string, unknown>): { name?: string; settings: Record<string, never> } {
  const { name, ...settings } = typed;
  return { ...(name === undefined ? {} : { name: name as string }), settings: settings as Record<string, never> };
}

export function ConnectorNew({ kind }: { kind: string }) {
  const kinds = useLoad(async () => (await api.get('/api/v1/connector-kinds')).data.items, []);
  if (!kinds.data) return kinds.error ? <Trouble text={kinds.error} /> : <Loading />;
  const k = kinds.data.find((x) => x.name === kind);
  if (!k)
    return (
      <>
        <Head title="Create connector" up={UP} />
        <ul class="kinds plain">
          {kinds.data.map((x) => <li key={x.name} class="card"><h2><Link to={`/connectors/new/${x.name}`}>{x.title}</Link></h2><p>{x.help}</p><p class="soft small">{x.ca_type} CA</p></li>)}
        </ul>
      </>
    );
  return (
    <>
      <Head title={`Create ${k.title} connector`} up={UP} />
      <p class="soft">{k.help}. It is validated as soon as it is saved.</p>
      <Form fields={[NAME, ...k.fields]} action="Save and validate" onCancel={() => navigate('/connectors/new')}
        save={async (typed) => {
          const { data } = await api.post('/api/v1/connectors', { body: { type: k.name, ...bodyOf(typed) } as Schemas['ConnectorInput'] });
          say(`${data.name} is saved.`);
          navigate(`/connectors/${data.id}${data.job ? `?job=${data.job}` : ''}`, true);
        }} />
    </>
  );
}

export function Connector({ id, tab }: { id: string; tab: string }) {
  const con = useLoad(() => api.get('/api/v1/connectors/{id}', { id }), [id], ['connector']);
  const [job, setJob] = useState(new URLSearchParams(location.search).get('job') ?? '');
  const [removing, setRemoving] = useState(false);
  if (!con.data) return con.error ? <Trouble text={con.error} /> : <Loading />;
  const c = con.data.data, write = may('CONNECTOR_WRITE');
  const reload = () => void con.reload();
  const run = (what: 'test' | 'reactivate') => void work(id, what).then(setJob, complain);
  return (
    <>
      <Head title={c.name} up={UP} pills={<Pill word={c.state} />}>
        {write && c.state !== 'Inactive' && <button type="button" class="btn primary" onClick={() => run('test')}>Test</button>}
        {write && c.state === 'Inactive' && <button type="button" class="btn primary" onClick={() => run('reactivate')}>Reactivate</button>}
        {write && <Menu label="Select Action" items={items(c, run, reload, () => setRemoving(true))}>Select Action <span aria-hidden="true">▾</span></Menu>}
      </Head>
      <Tabs base={`/connectors/${id}`} now={tab} tabs={[['details', 'Details'], ['evidence', 'Evidence'], ...(write ? [['edit', 'Edit'] as [string, string]] : [])]} />
      {tab === 'edit' ? <Edit c={c} etag={con.data.etag} reread={con.reload} onJob={setJob} />
        : tab === 'evidence' ? <Evidence id={id} />
        : (
          <div class="stack">
            {c.error && <Note tone="bad"><strong>{c.category ? `${c.category}: ` : ''}</strong>{c.error}{c.remedy && <p>{c.remedy}</p>}</Note>}
            {job && <Run key={job} job={job} onDone={reload} />}
            <Details c={c} />
          </div>
        )}
      {removing && <Remove c={c} onDone={() => navigate('/connectors', true)} onClose={() => setRemoving(false)} />}
    </>
  );
}

function Details({ c }: { c: Record_ }) {
  const schema = useSchema(`connector.${c.type}`);
  const settings = (c.settings ?? {}) as Record<string, unknown>;
  const shown = (f: Field) => f.kind === 'secret' ? settings[`has_${f.name}`] === true && 'kept in the HSM'
    : f.kind === 'bool' ? (settings[f.name] ? 'yes' : 'no') : Array.isArray(settings[f.name]) ? (settings[f.name] as string[]).join(', ') : String(settings[f.name] ?? '');
  const filter = new URLSearchParams({ filter: `connector:equals:${c.id}` }).toString();
  return (
    <div class="pair">
      <section class="card"><div class="bar"><h2>Connector</h2><Tip text={TEMPLATE} class="info-dot"><span aria-hidden="true">i</span><span class="sr">What Template means</span></Tip></div>
        <Facts list={[
          ['Type', c.type], ['CA Type', c.ca_type], ['Base URL', c.base_url && <Mono text={c.base_url} />], ['What the CA said', c.detail], ['Last check', <When at={c.last_check} />],
          may('CERT_READ') && ['Certificates', <Link to={`/certificates?${filter}`}>Ordered through it</Link>],
          c.type === 'local' && ['Root certificate', <a href={`/api/v1/ca/${c.id}/root.pem`} download>root.pem</a>],
          c.type === 'local' && ['Revocation list', <a href={`/api/v1/ca/${c.id}/crl.der`} download>crl.der</a>],
        ]} />
      </section>
      <section class="card"><h2>Settings</h2>{schema.data ? <Facts list={schema.data.fields.map((f) => [f.label, shown(f)])} /> : <Trouble text={schema.error} />}</section>
    </div>
  );
}

function Evidence({ id }: { id: string }) {
  const e = useLoad(async () => (await api.get('/api/v1/connectors/{id}/evidence', { id })).data.items, [id], ['connector']);
  if (!e.data) return e.error ? <Trouble text={e.error} /> : <Loading />;
  if (!e.data.length) return <Empty title="No evidence yet"><p>What was asked of the CA and what it said is kept here from the first test on.</p></Empty>;
  return <ol class="timeline plain card">{e.data.map((x, i) => <li key={i}><When at={x.time} /><div><Pill word={x.state} /> <strong>{x.step}</strong> {x.text}</div></li>)}</ol>;
}

function Edit({ c, etag, reread, onJob }: { c: Record_; etag: string | undefined; reread: () => Promise<void>; onJob: (job: string) => void }) {
  const schema = useSchema(`connector.${c.type}`);
  if (!schema.data) return schema.error ? <Trouble text={schema.error} /> : <Loading />;
  return (
    <>
      <Note tone="info">The settings that serve now go on serving until the new ones are validated.</Note>
      <Form fields={[NAME, ...schema.data.fields]} record={{ ...(c.settings as object | undefined), name: c.name }} action="Save and validate" reread={reread}
        save={async (typed) => {
          const { data } = await api.patch('/api/v1/connectors/{id}', { id: c.id, ifMatch: etag, body: bodyOf(typed) as Schemas['ConnectorInput'] });
          say('Saved.');
          await reread();
          if (data.job) onJob(data.job);
          navigate(`/connectors/${c.id}`, true);
        }} />
    </>
  );
}
