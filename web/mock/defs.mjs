// Reads the record tables (src/model/*.def), so that the mock publishes the same forms and columns as
// the appliance does.
import { readFileSync } from 'node:fs';

const SHAPES = {
  TEXT: ['min', 'max', 'initial', 'help', 'example'], LINES: ['max', 'help', 'example'], HOST: ['help', 'example'], URL: ['help', 'example'],
  PATH: ['help', 'example'], EMAIL: ['help', 'example'], ENUM: ['choices', 'initial', 'help'], ID: ['table', 'help'],
  INT: ['min', 'max', 'initial', 'help', 'example'], BOOL: ['initial', 'help'], TIME: ['help'], LIST: ['max', 'help', 'example'], CHOICES: ['choices', 'initial', 'help'], IDS: ['table', 'help'], SECRET: ['max', 'help'],
};

function args(text) {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|([^,\s][^,]*)/g)].map((m) => (m[1] ?? (m[2].trim() === 'NULL' ? null : m[2].trim())));
}

function fieldOf(line) {
  const m = /^\s*(TEXT|LINES|HOST|URL|PATH|EMAIL|ENUM|ID|INT|BOOL|TIME|LIST|CHOICES|IDS|SECRET)\s*\((.*?)\),?\s*$/.exec(line);
  if (!m) return null;
  const [name, label, flags, ...rest] = args(m[2]);
  const f = { name, label, kind: m[1].toLowerCase(), flags: flags.split('|').map((x) => x.replace('FIELD_', '').trim()) };
  SHAPES[m[1]].forEach((key, i) => { if (rest[i] !== null && rest[i] !== undefined && rest[i] !== '') f[key] = rest[i]; });
  if (f.flags.includes('HIDE') || f.flags.includes('HIDDEN')) return null;
  for (const n of ['min', 'max']) if (n in f) f[n] = f[n] === 'INT64_MAX' ? Number.MAX_SAFE_INTEGER : Number(f[n]);
  if (f.choices !== undefined) f.choices = f.choices.split('|');
  if (f.kind === 'int' && f.initial !== undefined) f.initial = Number(f.initial);
  if (f.kind === 'bool') f.initial = f.initial === 'true';
  const has = (x) => f.flags.includes(x);
  return { ...f, required: has('R'), readonly: has('RO') || has('READONLY'), advanced: has('ADV'), column: has('COL') || has('SHOW') || has('IDX') || has('UNIQ'), default: has('SHOW'), indexed: has('IDX') || has('UNIQ'), flags: undefined };
}

const dir = new URL('../../src/model/', import.meta.url);
const text = (name) => readFileSync(new URL(name, dir), 'utf8');
const fieldsIn = (t) => t.split('\n').map(fieldOf).filter(Boolean);

const TYPES = { enum: 'enum', id: 'id', int: 'int', bool: 'bool', time: 'time', list: 'list', choices: 'list', ids: 'ids' };
const OPS = { time: ['before', 'after'], int: ['equals', 'below', 'above'], enum: ['equals', 'not', 'in'], bool: ['equals', 'not', 'in'], id: ['equals', 'not', 'in'], ids: ['equals', 'not', 'in'], list: ['contains', 'equals', 'not'], text: ['contains', 'equals', 'not'] };

function columnOf(f) {
  const type = TYPES[f.kind] ?? 'text';
  return { name: f.name, label: f.label, type, operators: OPS[type], ...(f.choices ? { choices: f.choices } : {}), sortable: f.indexed, default: f.default };
}

function schema(name, fields) {
  const columns = fields.filter((f) => f.column && f.kind !== 'secret').map(columnOf);
  if (name === 'cert') columns.push({ name: 'expires_within', label: 'Expires Within', type: 'int', operators: OPS.int, sortable: true, default: false });
  return { name, fields, columns };
}

const common = fieldsIn(text('common.def'));
export const schemas = {};
for (const [record, file] of Object.entries({ cert: 'cert', server: 'server', connector: 'connector', policy: 'policy', order: 'order', job: 'job', key: 'key', user: 'user', token: 'session' }))
  schemas[record] = schema(record, [...common, ...fieldsIn(text(`${file}.def`))]);

for (const name of ['retention', 'network', 'interface']) schemas[name] = { name, fields: fieldsIn(text(`${name}.def`)), columns: [] };

const RFC_REASONS = [0, 1, 3, 4, 5, 9];
const connectors = text('connectors.def');
const lineToCa = /^#define LINE_TO_CA\(rate\)((?:.*\\\n)*.*\n)/m.exec(connectors)[1].replaceAll(/\s*\\$/gm, '');
export const kinds = connectors.split(/^CONNECTOR\(/m).slice(1).map((block) => {
  const [head, ...lines] = block.replace(/^ *LINE_TO_CA\(("\d+")\),?$/m, (_, rate) => lineToCa.replaceAll('rate', rate)).split('\n');
  const [name, title, ca_type, help, reasons] = args(head);
  const fields = fieldsIn(lines.join('\n'));
  const revoke_reasons = reasons === 'REASONS_ALL' ? RFC_REASONS : [...reasons.matchAll(/REASON\((\d+)\)/g)].map((m) => Number(m[1]));
  schemas[`connector.${name}`] = { name: `connector.${name}`, fields, columns: [] };
  return { name, title, ca_type, help, revoke_reasons, fields };
});
