// The list grammar: filter, sort, columns, q, limit, cursor, export.
import { schemas } from './defs.mjs';

const LIMIT = 50;
const day = 86400000;

function valueOf(r, column) {
  return column === 'expires_within' ? (r.not_after ? Math.floor((new Date(r.not_after) - Date.now()) / day) : null) : r[column];
}

function matches(r, text) {
  const [, column, op, value] = /^([^:]+):([^:]+):(.*)$/s.exec(text);
  if (value === 'All') return true;
  const v = valueOf(r, column), low = (x) => String(x ?? '').toLowerCase();
  const any = (fn) => (Array.isArray(v) ? v.some(fn) : fn(v));
  switch (op) {
    case 'equals': return any((x) => low(x) === low(value));
    case 'not': return !any((x) => low(x) === low(value));
    case 'in': return value.split('|').some((one) => any((x) => low(x) === low(one)));
    case 'contains': return any((x) => low(x).includes(low(value)));
    case 'before': return v && new Date(v) < new Date(value);
    case 'after': return v && new Date(v) > new Date(value);
    case 'below': return v !== null && v < Number(value);
    case 'above': return v !== null && v > Number(value);
    default: return false;
  }
}

export function list(record, rows, query) {
  const schema = schemas[record];
  const defaults = schema ? schema.columns.filter((c) => c.default).map((c) => c.name) : null;
  const columns = query.get('columns')?.split(',').filter(Boolean) ?? defaults;
  const sort = query.get('sort') ?? (schema ? '-created_at' : '-seq');
  const by = sort.replace('-', ''), sign = sort.startsWith('-') ? -1 : 1;
  const q = (query.get('q') ?? '').toLowerCase();
  let found = rows.filter((r) => query.getAll('filter').every((f) => matches(r, f)));
  if (q) found = found.filter((r) => (defaults ?? Object.keys(r)).some((c) => String(r[c] ?? '').toLowerCase().includes(q)));
  found = [...found].sort((a, b) => { const x = valueOf(a, by) ?? '', y = valueOf(b, by) ?? ''; return sign * (x < y ? -1 : x > y ? 1 : 0); });
  const shape = (r) => (schema ? { id: r.id, rev: r.rev, ...Object.fromEntries(columns.map((c) => [c, valueOf(r, c) ?? null])) } : r);
  const format = query.get('export');
  if (format === 'csv') return { body: [columns.join(','), ...found.map((r) => columns.map((c) => JSON.stringify(valueOf(r, c) ?? '')).join(','))].join('\r\n'), headers: { 'Content-Type': 'text/csv', 'Content-Disposition': `attachment; filename="${record}.csv"` } };
  if (format) return { body: found.map((r) => JSON.stringify(shape(r))).join('\n'), headers: { 'Content-Type': 'application/jsonl', 'Content-Disposition': `attachment; filename="${record}.jsonl"` } };
  const at = Number(query.get('cursor') ?? 0), limit = Number(query.get('limit') ?? LIMIT);
  const next = at + limit < found.length ? String(at + limit) : null;
  return { body: { items: found.slice(at, at + limit).map(shape), columns, next, total: query.getAll('filter').length > 1 || q ? null : found.length, examined: found.length } };
}
