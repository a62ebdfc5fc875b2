// The audit: who did what, when, from where, with what result. Append-only and chained; the export
// holds what is needed to verify it elsewhere.
import type { Column } from '../api';
import { navigate } from '../router';
import { TABLES, type Row } from '../records';
import { List } from '../table';
import { Empty } from '../ui/bits';
import type { MenuItem } from '../ui/menu';
import { complain, say } from '../ui/toast';

const text = (name: string, label: string, shown = true): Column => ({ name, label, type: 'text', operators: ['contains', 'equals'], sortable: false, default: shown });
const COLUMNS: Column[] = [
  { name: 'time', label: 'Time', type: 'time', operators: ['before', 'after'], sortable: false, default: true },
  text('actor', 'Actor'), text('action', 'Action'), text('name', 'Name'),
  { name: 'result', label: 'Result', type: 'enum', operators: ['equals'], choices: ['ok', 'denied', 'failed'], sortable: false, default: true },
  text('detail', 'Detail'), text('client', 'Address'), text('object', 'Object', false),
  { name: 'seq', label: 'Number', type: 'int', operators: [], sortable: false, default: false },
  { name: 'hash', label: 'Hash', type: 'text', operators: [], sortable: false, default: false },
];

const ALL = COLUMNS.map((c) => c.name);

/* "certificate/<id>" as the page of that record; '' when it has none. */
const PAGES: Record<string, string> = { certificate: TABLES.cert.page, server: TABLES.server.page, connector: TABLES.connector.page, order: TABLES.order.page, job: TABLES.job.page, key: TABLES.key.page, policy: TABLES.policy.page, user: TABLES.user.page };
function pageOf(object: string): string {
  const [kind, id] = object.split('/');
  return kind && id && PAGES[kind] ? `${PAGES[kind]}/${id}` : '';
}
const only = (column: string, value: unknown) => navigate(`/audit?${new URLSearchParams({ filter: `${column}:equals:${String(value)}` })}`);

function items(r: Row): MenuItem[] {
  const object = String(r.object ?? ''), page = pageOf(object), gone = r.detail === 'deleted';
  return [
    { label: 'Open object', run: () => navigate(page), why: page && !gone ? undefined : gone ? 'It was deleted' : 'It has no page' },
    { label: 'Only this user', run: () => only('actor', r.actor), why: r.actor ? undefined : 'It has no user' },
    { label: 'Only this object', run: () => only('object', object), why: object ? undefined : 'It has no object' },
    { label: 'Only this action', run: () => only('action', r.action) },
    { label: 'Only this address', run: () => only('client', r.client), why: r.client ? undefined : 'It came from the appliance itself' },
    { label: 'Copy record', run: () => void navigator.clipboard.writeText(JSON.stringify({ ...r, id: undefined }, null, 1)).then(() => say('Copied.'), complain) },
  ];
}

export function Audit() {
  return (
    <List table="audit" title="Audit" columns={COLUMNS} link={null} actions={items} extra={ALL}
      empty={<Empty title="No records"><p>Every action is recorded here with its actor, its object and its result.</p></Empty>}>
      <a class="btn" href="/api/v1/audit/key" download="audit-key.pem">Signing key</a>
      <a class="btn" href="/api/v1/audit/export" download="audit.jsonl">Export for verification</a>
    </List>
  );
}
