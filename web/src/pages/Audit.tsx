// The audit: who did what, when, from where, with what result. Append-only and chained; the export
// holds what is needed to verify it elsewhere.
import type { Column } from '../api';
import { List } from '../table';
import { Empty } from '../ui/bits';

const text = (name: string, label: string, shown = true): Column => ({ name, label, type: 'text', operators: ['contains', 'equals'], sortable: false, default: shown });
const COLUMNS: Column[] = [
  { name: 'time', label: 'Time', type: 'time', operators: ['before', 'after'], sortable: false, default: true },
  text('actor', 'Actor'), text('action', 'Action'), text('name', 'Name'),
  { name: 'result', label: 'Result', type: 'enum', operators: ['equals'], choices: ['ok', 'denied', 'failed'], sortable: false, default: true },
  text('detail', 'Detail'), text('client', 'Address'), text('object', 'Object', false),
  { name: 'seq', label: 'Number', type: 'int', operators: [], sortable: false, default: false },
  { name: 'hash', label: 'Hash', type: 'text', operators: [], sortable: false, default: false },
];

export function Audit() {
  return (
    <List table="audit" title="Audit" columns={COLUMNS} link={null}
      empty={<Empty title="No records"><p>Every action is recorded here with its actor, its object and its result.</p></Empty>}>
      <a class="btn" href="/api/v1/audit/key" download="audit-key.pem">Signing key</a>
      <a class="btn" href="/api/v1/audit/export" download="audit.jsonl">Export for verification</a>
    </List>
  );
}
