// The record tables: where their lists and pages are, and the names that stand for their ids.
import { api, type Schemas } from './api';

export const TABLES = {
  cert: { api: '/api/v1/certificates', page: '/certificates', name: 'name', one: 'certificate', many: 'certificates' },
  server: { api: '/api/v1/servers', page: '/servers', name: 'description', one: 'server', many: 'servers' },
  connector: { api: '/api/v1/connectors', page: '/connectors', name: 'name', one: 'connector', many: 'connectors' },
  policy: { api: '/api/v1/policies', page: '/policies', name: 'name', one: 'policy', many: 'policies' },
  order: { api: '/api/v1/orders', page: '/orders', name: 'name', one: 'order', many: 'orders' },
  job: { api: '/api/v1/jobs', page: '/jobs', name: 'title', one: 'job', many: 'jobs' },
  key: { api: '/api/v1/keys', page: '/keys', name: 'label', one: 'key', many: 'keys' },
  user: { api: '/api/v1/users', page: '/settings/users', name: 'username', one: 'user', many: 'users' },
  token: { api: '/api/v1/tokens', page: '/settings/tokens', name: 'label', one: 'token', many: 'tokens' },
  audit: { api: '/api/v1/audit', page: '/audit', name: 'action', one: 'record', many: 'records' },
} as const;
export type TableName = keyof typeof TABLES;

export function isTable(name: string): name is TableName {
  return name in TABLES;
}

export function pageOf(record: string, id: string): string {
  return isTable(record) ? `${TABLES[record].page}/${id}` : '/';
}

export type Row = Record<string, unknown> & { id: string };
export interface Page { items: Row[]; next: string | null; total: number | null; columns: string[] }

/* One page of any list: the lists of all tables answer alike. */
export async function listPage(table: TableName, query: URLSearchParams): Promise<Page> {
  const { data } = await api.get(TABLES[table].api as '/api/v1/servers', { query });
  const page = data as Schemas['ServerPage'];
  /* Records of the audit have a number in place of an id. */
  const items = (page.items as unknown as Row[]).map((r) => (r.id === undefined ? { ...r, id: String(r.seq) } : r));
  return { items, next: page.next, total: page.total ?? null, columns: page.columns ?? [] };
}

export interface Named { id: string; name: string }

/* Up to 500 records of a table by name, for pickers and for columns that hold ids. */
export async function namesOf(table: TableName, filters: string[] = [], q = ''): Promise<{ items: Named[]; more: boolean }> {
  const query = new URLSearchParams({ columns: TABLES[table].name, limit: '500' });
  for (const f of filters) query.append('filter', f);
  if (q) query.set('q', q);
  const page = await listPage(table, query);
  return { items: page.items.map((r) => ({ id: r.id, name: String(r[TABLES[table].name] ?? r.id) })), more: page.next !== null };
}
