// Servers: the list, Add Server, and one server with its host keys, its test and its form.
import { useState } from 'preact/hooks';
import { api, type Schemas, type Server as ServerRecord } from '../api';
import { Form } from '../form';
import type { Shape } from '../form/values';
import { useLoad, useSchema } from '../load';
import { Link, navigate } from '../router';
import { may } from '../session';
import { List } from '../table';
import { Empty, Facts, Head, Loading, Mono, Note, Pill, Trouble, When } from '../ui/bits';
import { Confirm } from '../ui/dialog';
import { Menu } from '../ui/menu';
import { Run } from '../ui/run';
import { Tabs } from '../ui/tabs';
import { complain, say } from '../ui/toast';
import { HostKeys } from './host-keys';
import { useServerTest } from './server-test';

const UP = { to: '/servers', text: 'Servers' };
const GROUPS = [
  { title: 'Server', names: ['description', 'address', 'server_type', 'version', 'protocol', 'port'] },
  { title: 'Login', names: ['username', 'login', 'password', 'ssh_key', 'sudo', 'sudo_password'] },
  { title: 'Paths and service', names: ['nginx_path', 'keystore_path', 'service_name', 'ports'] },
  { title: 'Order in the list', names: ['group', 'tags'] },
];
const SHAPE: Shape = {
  when: {
    password: (v) => v.login !== 'key',
    ssh_key: (v) => v.login === 'key',
    sudo_password: (v) => v.sudo === 'sudo with password',
    nginx_path: (v) => v.server_type === 'nginx',
  },
};

export function Servers() {
  const [asked, ask] = useState<{ s: ServerRecord; reload: () => void } | null>(null);
  const write = may('SERVER_WRITE');
  const add = write && <Link class="btn primary" to="/servers/new">Add Server</Link>;
  return (
    <>
      <List table="server" title="Servers" extra={['state', 'description']}
        actions={(row, reload) => {
          const s = row as unknown as ServerRecord;
          const off = s.state === 'Disabled';
          return [
            { label: 'Open', run: () => navigate(`/servers/${s.id}`) },
            ...(write ? [
              { label: 'Edit', run: () => navigate(`/servers/${s.id}/edit`) },
              { label: 'Test connection', run: () => navigate(`/servers/${s.id}?test`), why: off ? 'It is disabled' : undefined },
              { label: off ? 'Enable' : 'Disable', run: () => void setOff(s, !off).then(reload, complain) },
              { label: 'Delete', danger: true, run: () => ask({ s, reload }) },
            ] : []),
          ];
        }}
        empty={<Empty title="No servers yet"><p>A server is where certificates are deployed to: over SSH, with nothing to install there. Its host key is compared once and pinned.</p>{add}</Empty>}>
        {add}
      </List>
      {asked && <Remove s={asked.s} onDone={asked.reload} onClose={() => ask(null)} />}
    </>
  );
}

async function setOff(s: ServerRecord, off: boolean): Promise<void> {
  if (off) await api.post('/api/v1/servers/{id}/disable', { id: s.id });
  else await api.post('/api/v1/servers/{id}/enable', { id: s.id });
  say(off ? `${s.description} is disabled: no more work is done on it.` : `${s.description} is back. Test the connection to make it Active.`);
}

function Remove({ s, onDone, onClose }: { s: ServerRecord; onDone: () => void; onClose: () => void }) {
  return (
    <Confirm title={`Delete ${s.description}`} action="Delete" danger typed={s.description} onClose={onClose}
      run={async () => {
        await api.delete('/api/v1/servers/{id}', { id: s.id });
        say(`${s.description} is deleted.`);
        onDone();
      }}>
      <p>The server and its credentials are removed from here; nothing is changed on the server itself. It is refused while certificates are deployed to it.</p>
    </Confirm>
  );
}

export function ServerNew() {
  const schema = useSchema('server');
  const test = useServerTest('');
  if (!schema.data) return schema.error ? <Trouble text={schema.error} /> : <Loading />;
  return (
    <div class="stack">
      <Head title="Add Server" up={UP} />
      <Form fields={schema.data.fields} groups={GROUPS} shape={SHAPE} action="Save and test" onCancel={() => navigate('/servers')}
        also={{ label: 'Test before saving', busy: test.busy, run: (body) => test.start(body as Schemas['ServerInput']) }}
        save={async (body) => {
          const { data } = await api.post('/api/v1/servers', { body: body as Schemas['ServerInput'] });
          await test.pin(data.id, data).catch(complain);
          say(`${data.description} is added.`);
          navigate(`/servers/${data.id}?test`, true);
        }} />
      {test.view}
    </div>
  );
}

export function Server({ id, tab }: { id: string; tab: string }) {
  const server = useLoad(() => api.get('/api/v1/servers/{id}', { id }), [id], ['server']);
  const [job, setJob] = useState('');
  const [removing, setRemoving] = useState(false);
  const [asked, setAsked] = useState(location.search === '?test');
  const test = async () => {
    try {
      setJob((await api.post('/api/v1/servers/{id}/test', { id })).data.job);
    } catch (e) {
      complain(e);
    }
  };
  if (asked && may('SERVER_WRITE')) { // Add Server and the row menu ask for the test by ?test, once
    setAsked(false);
    history.replaceState(null, '', location.pathname);
    void test();
  }
  if (!server.data) return server.error ? <Trouble text={server.error} /> : <Loading />;
  const s = server.data.data, write = may('SERVER_WRITE'), off = s.state === 'Disabled';
  const reload = () => void server.reload();
  return (
    <>
      <Head title={s.description} up={UP} pills={<Pill word={s.state} />}>
        {write && !off && <button type="button" class="btn primary" onClick={() => void test()}>Test connection</button>}
        {write && (
          <Menu label="Select Action" items={[
            { label: off ? 'Enable' : 'Disable', run: () => void setOff(s, !off).then(reload, complain) },
            { label: 'Delete', danger: true, run: () => setRemoving(true) },
          ]}>Select Action <span aria-hidden="true">▾</span></Menu>
        )}
      </Head>
      <Tabs base={`/servers/${id}`} now={tab} tabs={[['details', 'Details'], ...(write ? [['edit', 'Edit'] as [string, string]] : [])]} />
      {tab === 'edit' ? <Edit s={s} etag={server.data.etag} reread={server.reload} /> : (
        <div class="stack">
          {s.state === 'Unverified' && !s.offered_keys.length && !job && <Note tone="warn"><strong>Not verified yet.</strong> Test the connection: it shows the host key of the server, which you compare once.</Note>}
          {s.last_error && <Note tone="bad"><strong>The last check failed.</strong> {s.last_error}</Note>}
          {s.warning && !s.last_error && <Note tone="warn"><strong>The last check found something to look at.</strong> {s.warning}</Note>}
          <HostKeys s={s} onApproved={() => { reload(); if (write) void test(); }} />
          {job && <Run job={job} onDone={reload} />}
          <Details s={s} />
        </div>
      )}
      {removing && <Remove s={s} onDone={() => navigate('/servers', true)} onClose={() => setRemoving(false)} />}
    </>
  );
}

function Details({ s }: { s: ServerRecord }) {
  const filter = new URLSearchParams({ filter: `server:equals:${s.id}` }).toString();
  return (
    <div class="pair">
      <section class="card"><h2>Server</h2>
        <Facts list={[
          ['IP Address', <Mono text={s.address} />], ['SSH Port', String(s.port)], ['Server Type', s.server_type], ['Version', s.version], ['Detected version', s.detected_version],
          ['Ports', s.ports.join(', ')], ['Service Name', s.service_name], ['Nginx Path', s.nginx_path && <Mono text={s.nginx_path} />],
          ['Key Store Folder Path', s.keystore_path && <Mono text={s.keystore_path} />], ['Last check', <When at={s.last_check} />],
          may('CERT_READ') && ['Certificates', <Link to={`/certificates?${filter}`}>Deployed to this server</Link>],
        ]} />
      </section>
      <section class="card"><h2>Login</h2>
        <Facts list={[
          ['Username', <Mono text={s.username} />], ['Login', s.login], ['Password', s.has_password && 'kept in the HSM'], ['SSH Private Key', s.has_ssh_key && 'kept in the HSM'],
          ['Elevation', s.sudo], ['Host keys', s.host_keys.length > 0 && <ul class="plain">{s.host_keys.map((k) => <li key={k} class="mono wrap">{k}</li>)}</ul>],
          ['Rollback Timer', `${s.rollback_seconds} s`], ['Bot', s.bot], ['Group', s.group], ['Tags', s.tags.map((t) => <span key={t} class="tag">{t}</span>)],
        ]} />
      </section>
    </div>
  );
}

function Edit({ s, etag, reread }: { s: ServerRecord; etag: string | undefined; reread: () => Promise<void> }) {
  const schema = useSchema('server');
  const test = useServerTest(s.id, s.host_keys);
  if (!schema.data) return schema.error ? <Trouble text={schema.error} /> : <Loading />;
  return (
    <div class="stack">
      <Form fields={schema.data.fields} record={s} groups={GROUPS} shape={SHAPE} action="Save" reread={reread}
        also={{ label: 'Test before saving', busy: test.busy, run: (body) => test.start(body as Schemas['ServerInput']) }}
        save={async (body) => {
          const { data } = await api.patch('/api/v1/servers/{id}', { id: s.id, ifMatch: etag, body: body as Schemas['ServerInput'] });
          await test.pin(data.id, data).catch(complain);
          say('Saved.');
          await reread();
        }} />
      {test.view}
    </div>
  );
}
