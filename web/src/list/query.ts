// The state of a list lives in the URL, in the grammar of the API: a link, a bookmark and an export
// reproduce it.
import type { Column } from '../api';
import { date } from '../format';

export interface Filter { column: string; op: string; value: string }
export interface ListState {
  filters: Filter[];
  sort: string; // "" is the API's own: newest first
  columns: string[]; // empty: the defaults
  q: string;
  cursor: string;
}

export function parseFilter(text: string): Filter | null {
  const a = text.indexOf(':'), b = text.indexOf(':', a + 1);
  return a < 1 || b < 0 ? null : { column: text.slice(0, a), op: text.slice(a + 1, b), value: text.slice(b + 1) };
}

export function readState(search: string): ListState {
  const p = new URLSearchParams(search);
  return {
    filters: p.getAll('filter').map(parseFilter).filter((f) => f !== null),
    sort: p.get('sort') ?? '',
    columns: (p.get('columns') ?? '').split(',').filter(Boolean),
    q: p.get('q') ?? '',
    cursor: p.get('cursor') ?? '',
  };
}

/* As parameters of the API, and (without limit) as the URL of the page. */
export function params(s: ListState): URLSearchParams {
  const p = new URLSearchParams();
  for (const f of s.filters) p.append('filter', `${f.column}:${f.op}:${f.value}`);
  if (s.sort) p.set('sort', s.sort);
  if (s.columns.length) p.set('columns', s.columns.join(','));
  if (s.q) p.set('q', s.q);
  if (s.cursor) p.set('cursor', s.cursor);
  return p;
}

export function href(path: string, s: ListState): string {
  const text = params(s).toString();
  return text ? `${path}?${text}` : path;
}

const VERBS: Record<string, string> = {
  equals: 'is', not: 'is not', in: 'is one of', contains: 'contains', before: 'is before', after: 'is after', below: 'is below', above: 'is above',
};
export function verb(op: string): string {
  return VERBS[op] ?? op;
}

/* "Status is Deployed", "Expires On is before 20-Dec-2026" */
export function sentence(f: Filter, columns: Column[], name: (id: string) => string = (id) => id): string {
  const c = columns.find((x) => x.name === f.column);
  const value = c?.type === 'time' ? date(f.value) : c?.type === 'id' ? name(f.value)
    : c?.type === 'bool' ? (f.value === 'true' ? 'yes' : 'no') : f.value.split('|').join(' or ');
  return `${c?.label ?? f.column} ${verb(f.op)} ${value === '' ? 'empty' : value}`;
}
