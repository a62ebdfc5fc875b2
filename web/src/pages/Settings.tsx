// Settings: users, API tokens, one-time sign-in codes, retention, locking the appliance, and the pages of the machine.
import { useState } from 'preact/hooks';
import { api, type Schemas } from '../api';
import { exact } from '../format';
import { Form } from '../form';
import type { Shape } from '../form/values';
import { useLoad, useSchema } from '../load';
import { navigate, Link } from '../router';
import { loadState, may, session } from '../session';
import { List } from '../table';
import { Identity } from './Identity';
import { Network } from './Network';
import { Power } from './Power';
import { Copy, Empty, Head, Loading, Note, Trouble } from '../ui/bits';
import { Confirm, Dialog } from '../ui/dialog';
import { say } from '../ui/toast';
import { Update } from './Update';

const ROLES: Record<string, string> = {
  viewer: 'sees everything but the audit',
  operator: 'runs certificates, servers and jobs',
  approver: 'approves plans and host keys',
  'connector-admin': 'manages CA connectors',
  'security-officer': 'manages users, policies and the appliance',
  auditor: 'reads the audit',
};
const USER_SHAPE: Shape = { choices: { roles: Object.keys(ROLES) }, hints: { roles: ROLES } };
type User = Schemas['User'];

const OF_MACHINE = ['network', 'power'];

export function Settings({ tab }: { tab: string }) {
  const system = useLoad(async () => (may('MACHINE_ADMIN') ? (await api.get('/api/v1/system')).data : null), []);
  const machine = system.data?.appliance === true;
  const tabs: [string, string][] = [
    ...(may('USER_ADMIN') ? [['users', 'Users'] as [string, string]] : []),
    ['tokens', 'API tokens'],
    ['update', 'Update'],
    ...(may('SYSTEM_ADMIN') ? [['codes', 'One-time codes'], ['retention', 'Retention'], ['identity', 'TLS identity'], ['appliance', 'Appliance']] as [string, string][] : []),
    ...(machine ? [['network', 'Network'], ['power', 'Power']] as [string, string][] : []),
  ];
  const now = tab || tabs[0]![0];
  const known = tabs.some(([t]) => t === now);
  return (
    <>
      <nav class="tabs" aria-label="Settings">{tabs.map(([t, text]) => <Link key={t} to={`/settings/${t}`} aria-current={t === now ? 'page' : undefined}>{text}</Link>)}</nav>
      {!known && OF_MACHINE.includes(tab) && may('MACHINE_ADMIN') ? system.data ? <><Head title="Settings" /><Empty title="Not an appliance image"><p>The service was started on another system, which has its own means for this: use those.</p></Empty></> : system.error ? <Trouble text={system.error} /> : <Loading />
        : !known ? <><Head title="Settings" /><Empty title="Not for your roles"><p>Somebody who manages users can give you a role that has it.</p></Empty></>
        : now === 'users' ? <Users /> : now === 'tokens' ? <Tokens /> : now === 'update' ? <Update /> : now === 'codes' ? <Codes /> : now === 'retention' ? <Retention /> : now === 'identity' ? <Identity /> : now === 'network' ? <Network /> : now === 'power' ? <Power /> : <Appliance />}
    </>
  );
}

function Users() {
  const [removing, remove] = useState<{ u: User; reload: () => void } | null>(null);
  const add = <Link class="btn primary" to="/settings/users/new">Add user</Link>;
  return (
    <>
      <List table="user" title="Users" extra={['username']} empty={<Empty title="No users"><p>Whoever may sign in is listed here.</p></Empty>}
        actions={(row, reload) => [
          { label: 'Edit', run: () => navigate(`/settings/users/${row.id}`) },
          { label: 'Delete', danger: true, run: () => remove({ u: row as unknown as User, reload }) },
        ]}>
        {add}
      </List>
      {removing && (
        <Confirm title={`Delete ${removing.u.username}`} action="Delete" danger typed={removing.u.username} onClose={() => remove(null)}
          run={async () => {
            await api.delete('/api/v1/users/{id}', { id: removing.u.id });
            say(`${removing.u.username} is removed and signed out everywhere.`);
            removing.reload();
          }}>
          <p>The user is signed out everywhere and its API tokens end. What it did stays in the audit.</p>
        </Confirm>
      )}
    </>
  );
}

export function User({ id }: { id: string }) {
  const fresh = id === 'new';
  const schema = useSchema('user');
  const user = useLoad(async () => (fresh ? null : api.get('/api/v1/users/{id}', { id })), [id], ['user']);
  if (!schema.data || (!fresh && !user.data)) return <>{schema.error || user.error ? <Trouble text={schema.error || user.error} /> : <Loading />}</>;
  const u = user.data?.data;
  return (
    <>
      <Head title={u?.username ?? 'Add user'} up={{ to: '/settings/users', text: 'Users' }} />
      <Form fields={schema.data.fields} record={u} shape={USER_SHAPE} action={u ? 'Save' : 'Add user'} reread={user.reload} onCancel={() => navigate('/settings/users')}
        save={async (body) => {
          if (u) await api.patch('/api/v1/users/{id}', { id, ifMatch: user.data!.etag, body: body as Schemas['UserInput'] });
          else await api.post('/api/v1/users', { body: body as Schemas['UserInput'] });
          say(u ? 'Saved.' : 'The user is added.');
          navigate('/settings/users', true);
        }} />
    </>
  );
}

function Tokens() {
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState<Schemas['TokenMade'] | null>(null);
  const [count, setCount] = useState(0); // a new key reads the list again: no event tells of tokens
  const [revoking, revoke] = useState<{ id: string; label: string; reload: () => void } | null>(null);
  const mine = session.get()?.roles ?? [];
  const fields: Schemas['Field'][] = [
    { name: 'label', label: 'Name', kind: 'text', required: true, max: 100, help: 'Your own name for the token', example: 'ci pipeline' },
    { name: 'roles', label: 'Roles', kind: 'list', required: false, help: 'A subset of your own; none ticked: all of them' },
    { name: 'expires_at', label: 'Expires', kind: 'time', required: false, help: 'When it ends; empty: only when it is revoked' },
  ];
  const add = <button type="button" class="btn primary" onClick={() => setAdding(true)}>Make a token</button>;
  return (
    <>
      <List key={count} table="token" title="API tokens" fixed={['kind:equals:token']} link={null} extra={['label']}
        actions={(row, reload) => [{ label: 'Revoke', danger: true, run: () => revoke({ id: row.id, label: String(row.label), reload }) }]}
        empty={<Empty title="No API tokens"><p>A program signs in with a token, sent as <code>Authorization: Bearer</code>. It can do what its roles allow, and nothing more.</p>{add}</Empty>}>
        {add}
      </List>
      {adding && (
        <Dialog title="Make an API token" onClose={() => setAdding(false)}>
          <Form fields={fields} shape={{ choices: { roles: mine }, hints: { roles: ROLES } }} action="Make" onCancel={() => setAdding(false)}
            save={async (body) => {
              const { roles, ...rest } = body as { roles?: string[]; label: string };
              setMade((await api.post('/api/v1/tokens', { body: { ...rest, ...(roles?.length ? { roles } : {}) } })).data);
              setAdding(false);
              setCount(count + 1);
            }} />
        </Dialog>
      )}
      {made && <Once title={`API token ${made.label}`} secret={made.token} onClose={() => setMade(null)} text="Only a hash of it is kept. Whoever has it can do what its roles allow." />}
      {revoking && (
        <Confirm title={`Revoke ${revoking.label}`} action="Revoke" danger typed={revoking.label} onClose={() => revoke(null)}
          run={async () => { await api.delete('/api/v1/tokens/{id}', { id: revoking.id }); say(`${revoking.label} is revoked.`); revoking.reload(); }}>
          <p>Programs that use this token are refused from now on.</p>
        </Confirm>
      )}
    </>
  );
}

function Once({ title, secret, text, onClose }: { title: string; secret: string; text: string; onClose: () => void }) {
  return (
    <Dialog title={title} onClose={onClose}>
      <div class="stack">
        <Note tone="warn"><strong>Shown once.</strong> Copy it now. {text}</Note>
        <div class="bar secret"><code class="grow">{secret}</code><Copy text={secret} /></div>
        <div class="bar end"><button type="button" class="btn primary" onClick={onClose}>I have it</button></div>
      </div>
    </Dialog>
  );
}

function Codes() {
  const [made, setMade] = useState<Schemas['SignInCode'] | null>(null);
  const fields: Schemas['Field'][] = [
    { name: 'user', label: 'User Name', kind: 'text', required: true, max: 64, help: 'Who will sign in with it', example: 'alice' },
    { name: 'minutes', label: 'Valid for', kind: 'int', required: false, min: 1, max: 1440, help: 'Minutes until it ends', initial: '15' },
  ];
  return (
    <>
      <Head title="One-time codes" />
      <p>A one-time code signs a user in once, without the password: for a first sign-in, or when the password is lost.</p>
      <Form fields={fields} action="Make a code" save={async (body) => setMade((await api.post('/api/v1/sign-in-codes', { body: body as Schemas['SignInCodeNew'] })).data)} />
      {made && <Once title="One-time sign-in code" secret={made.code} onClose={() => setMade(null)} text={`It works once, until ${exact(made.expires_at)}.`} />}
    </>
  );
}

function Retention() {
  const schema = useSchema('retention');
  const r = useLoad(() => api.get('/api/v1/settings/retention'), []);
  if (!schema.data || !r.data) return schema.error || r.error ? <Trouble text={schema.error || r.error} /> : <Loading />;
  const { data, etag } = r.data;
  return (
    <>
      <Head title="Retention" />
      <p class="soft">How long ended work is kept before the clock takes it away. The audit is never taken away, nor a job that a certificate or an order names as its last, nor the deployment a certificate can be rolled back to. Each step that takes something away is in the audit.</p>
      <Form fields={schema.data.fields} record={data} action="Save" reread={r.reload}
        save={async (body) => {
          await api.patch('/api/v1/settings/retention', { ifMatch: etag, body: body as Schemas['RetentionInput'] });
          say('Saved.');
          await r.reload();
        }} />
    </>
  );
}

function Appliance() {
  const [asking, ask] = useState(false);
  return (
    <>
      <Head title="Appliance" />
      <section class="card">
        <h2>Lock</h2>
        <p>Closes the HSM token: nothing is signed, ordered or deployed until the unlock passphrase opens it again. What your servers serve goes on.</p>
        <button type="button" class="btn" onClick={() => ask(true)}>Lock the appliance</button>
      </section>
      {asking && (
        <Confirm title="Lock the appliance" action="Lock" onClose={() => ask(false)} run={async () => { await api.post('/api/v1/lock'); await loadState(); }}>
          <p>You need the unlock passphrase to open it again. Running jobs wait.</p>
        </Confirm>
      )}
    </>
  );
}
