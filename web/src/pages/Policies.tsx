// Policies: the list, one policy with what it would refuse today, and its form.
import { useState } from 'preact/hooks';
import { api, type Schemas } from '../api';
import { count, plural } from '../format';
import { Form } from '../form';
import { useLoad, useSchema } from '../load';
import { namesOf } from '../records';
import { Link, navigate } from '../router';
import { may } from '../session';
import { List } from '../table';
import { Empty, Facts, Head, Loading, Pill, Trouble, When, type Fact } from '../ui/bits';
import { Confirm } from '../ui/dialog';
import { Tabs } from '../ui/tabs';
import { say } from '../ui/toast';

type PolicyRecord = Schemas['Policy'];
const UP = { to: '/policies', text: 'Policies' };
const GROUPS = [
  { title: 'Policy', names: ['name', 'description'] },
  { title: 'Applies to', names: ['for_names', 'for_tags', 'for_connectors', 'for_ca_types'] },
  { title: 'What may be ordered', names: ['connectors', 'key_algs', 'custodies', 'max_days', 'max_days_from', 'suffixes', 'wildcards', 'max_names'] },
  { title: 'Deployment and renewal', names: ['approval', 'windows', 'renew_percent', 'renew_days'] },
];

export function Policies() {
  const [removing, remove] = useState<{ p: PolicyRecord; reload: () => void } | null>(null);
  const write = may('POLICY_WRITE');
  const add = write && <Link class="btn primary" to="/policies/new">Add policy</Link>;
  return (
    <>
      <List table="policy" title="Policies" extra={['name', 'builtin']}
        actions={(row, reload) => {
          const p = row as unknown as PolicyRecord;
          return [
            { label: 'Open', run: () => navigate(`/policies/${p.id}`) },
            ...(write ? [
              { label: 'Edit', run: () => navigate(`/policies/${p.id}/edit`) },
              { label: 'Delete', danger: true, run: () => remove({ p, reload }), why: p.builtin ? 'It is built in' : undefined },
            ] : []),
          ];
        }}
        empty={<Empty title="No policies"><p>A policy says what may be ordered for which certificates, and how it is deployed.</p>{add}</Empty>}>
        {add}
      </List>
      {removing && <Remove p={removing.p} onDone={removing.reload} onClose={() => remove(null)} />}
    </>
  );
}

function Remove({ p, onDone, onClose }: { p: PolicyRecord; onDone: () => void; onClose: () => void }) {
  return (
    <Confirm title={`Delete ${p.name}`} action="Delete" danger typed={p.name} onClose={onClose}
      run={async () => {
        await api.delete('/api/v1/policies/{id}', { id: p.id });
        say(`${p.name} is deleted.`);
        onDone();
      }}>
      <p>Its limits hold no more, from the next order and deployment on. What it allowed or refused so far stays in the audit.</p>
    </Confirm>
  );
}

export function PolicyNew() {
  const schema = useSchema('policy');
  if (!schema.data) return schema.error ? <Trouble text={schema.error} /> : <Loading />;
  return (
    <>
      <Head title="Add policy" up={UP} />
      <Form fields={schema.data.fields} groups={GROUPS} action="Add policy" onCancel={() => navigate('/policies')}
        save={async (body) => {
          const { data } = await api.post('/api/v1/policies', { body: body as Schemas['PolicyInput'] });
          say(`${data.name} is added. It holds from the next order and deployment on.`);
          navigate(`/policies/${data.id}`, true);
        }} />
    </>
  );
}

export function Policy({ id, tab }: { id: string; tab: string }) {
  const policy = useLoad(() => api.get('/api/v1/policies/{id}', { id }), [id], ['policy']);
  const [removing, setRemoving] = useState(false);
  if (!policy.data) return policy.error ? <Trouble text={policy.error} /> : <Loading />;
  const p = policy.data.data, write = may('POLICY_WRITE');
  return (
    <>
      <Head title={p.name} up={UP} pills={p.builtin && <Pill word="Built in" as="soft" />}>
        {write && !p.builtin && <button type="button" class="btn" onClick={() => setRemoving(true)}>Delete</button>}
      </Head>
      <Tabs base={`/policies/${id}`} now={tab} tabs={[['details', 'Details'], ['refused', 'Would refuse today'], ...(write ? [['edit', 'Edit'] as [string, string]] : [])]} />
      {tab === 'edit' ? <Edit p={p} etag={policy.data.etag} reread={policy.reload} /> : tab === 'refused' ? <Refused p={p} /> : <Details p={p} />}
      {removing && <Remove p={p} onDone={() => navigate('/policies')} onClose={() => setRemoving(false)} />}
    </>
  );
}

const tags = (list: string[]) => list.map((x) => <span key={x} class="tag">{x}</span>);

function Details({ p }: { p: PolicyRecord }) {
  const names = useLoad(async () => (p.connectors.length + p.for_connectors.length && may('CONNECTOR_READ') ? (await namesOf('connector')).items : []), [p.connectors.join(), p.for_connectors.join()]);
  const cas = (ids: string[]) => tags(ids.map((id) => names.data?.find((n) => n.id === id)?.name ?? id));
  const everything = !p.for_names.length && !p.for_tags.length && !p.for_connectors.length && !p.for_ca_types.length;
  const limit = (n: number, unit: string): Fact => (n > 0 ? [unit, count(n)] : null);
  return (
    <div class="pair">
      <div class="stack">
        <section class="card"><h2>Applies to</h2>
          {everything ? <p>Every certificate.</p> : (
            <Facts list={[
              p.for_names.length > 0 && ['Names', tags(p.for_names)], p.for_tags.length > 0 && ['Tags', tags(p.for_tags)],
              p.for_connectors.length > 0 && ['Connectors', cas(p.for_connectors)], p.for_ca_types.length > 0 && ['CA Types', tags(p.for_ca_types)],
            ]} />
          )}
          {p.description && <p class="soft">{p.description}</p>}
        </section>
        <section class="card"><h2>Deployment and renewal</h2>
          <Facts list={[
            ['Plan Approval', p.approval], ['Deployment Windows', p.windows.length ? tags(p.windows.map((w) => `${w} UTC`)) : 'at any time'],
            p.renew_percent > 0 && ['Renew At', `${p.renew_percent} % of life left, at the latest`], p.renew_days > 0 && ['Renew Before', `${plural(p.renew_days, 'day')} before the end, at the latest`],
            ['Updated', <When at={p.updated_at} />],
          ]} />
        </section>
      </div>
      <section class="card"><h2>What may be ordered</h2>
        <Facts list={[
          ['Connectors', p.connectors.length ? cas(p.connectors) : 'any'], ['Key Algorithms', p.key_algs.length ? tags(p.key_algs) : 'all'],
          ['Key Custody', p.custodies.length ? tags(p.custodies) : 'all'], ['Longest Validity', p.max_days ? plural(p.max_days, 'day') : 'no limit'],
          p.max_days_from.length > 0 && ['Longest Validity From', tags(p.max_days_from)], ['Domains', p.suffixes.length ? tags(p.suffixes) : 'any'],
          ['Wildcard Names', p.wildcards ? 'allowed' : 'not allowed'], limit(p.max_names, 'Most Names'),
        ]} />
      </section>
    </div>
  );
}

/* By the index of outcomes; the appliance keeps it up to date. */
function Refused({ p }: { p: PolicyRecord }) {
  return (
    <List table="cert" title={`Refused by ${p.name}`} head={<p class="soft">Certificates this policy would refuse today. What is served goes on; their next order is refused until their configuration or the policy is changed.</p>}
      fixed={['policy:equals:Findings', `refused_by:equals:${p.id}`]} first={['name', 'policy_findings', 'status', 'not_after']} extra={['not_before']}
      empty={<Empty title="Nothing would be refused"><p>Every certificate it applies to holds to this policy.</p></Empty>} />
  );
}

function Edit({ p, etag, reread }: { p: PolicyRecord; etag: string | undefined; reread: () => Promise<void> }) {
  const schema = useSchema('policy');
  if (!schema.data) return schema.error ? <Trouble text={schema.error} /> : <Loading />;
  return (
    <Form fields={schema.data.fields} record={p} groups={GROUPS} action="Save" reread={reread}
      save={async (body) => {
        await api.patch('/api/v1/policies/{id}', { id: p.id, ifMatch: etag, body: body as Schemas['PolicyInput'] });
        say('Saved. It holds from the next order and deployment on.');
        await reread();
      }} />
  );
}
