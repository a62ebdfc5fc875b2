// The typed client of the REST API: paths, bodies and answers are those of docs/api.yaml. Adds the
// CSRF token, turns problem+json into Problem, and on 401 asks the user to sign in again and then
// repeats the call, so that nothing typed is lost.
import type { components, paths } from './api.gen';

export type Schemas = components['schemas'];
export type State = Schemas['State'];
export type Session = Schemas['Session'];
export type Permission = Schemas['Permission'];
export type Field = Schemas['Field'];
export type Column = Schemas['Column'];
export type RecordSchema = Schemas['RecordSchema'];
export type Home = Schemas['Home'];
export type Cert = Schemas['Cert'];
export type Server = Schemas['Server'];
export type Connector = Schemas['Connector'];
export type Order = Schemas['Order'];
export type Job = Schemas['Job'];
export type JobDetail = Schemas['JobDetail'];

type Method = 'get' | 'post' | 'patch' | 'delete';
type PathsWith<M extends Method> = {
  [P in keyof paths]: paths[P][M] extends { responses: unknown } ? P : never;
}[keyof paths];
type Op<P extends keyof paths, M extends Method> = paths[P][M];
type Json<T> = T extends { content: { 'application/json': infer J } } ? J : undefined;
type Answer<O> = O extends { responses: infer R }
  ? Json<R[Extract<keyof R, 200 | 201 | 202 | 204>]>
  : never;
type BodyOf<O> = O extends { requestBody?: { content: { 'application/json': infer B } } } ? B : never;
type QueryOf<O> = O extends { parameters: { query?: infer Q } } ? Q : never;

export interface Call<O> {
  id?: string; // the one variable part a path has
  query?: QueryOf<O> | URLSearchParams;
  body?: BodyOf<O>;
  ifMatch?: string | undefined;
}
export interface Reply<T> {
  data: T;
  etag: string | undefined;
  location: string | undefined;
}

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly field?: string,
    readonly state?: string,
  ) {
    super(detail || title);
  }
}

/* What the client needs of the rest of the UI; set once by session.ts. */
export const hooks = {
  csrf: () => '',
  signInAgain: async (): Promise<boolean> => false,
  stateChanged: (_state: string) => {},
};

const OPEN = ['/api/v1/session', '/api/v1/setup', '/api/v1/unlock', '/api/v1/state'];

async function problemOf(r: Response): Promise<Problem> {
  const text = await r.text();
  try {
    const p = JSON.parse(text) as Schemas['Problem'];
    return new Problem(r.status, p.title, p.detail, p.field, p.state);
  } catch {
    return new Problem(r.status, `HTTP ${r.status}`, `The appliance answered ${r.status} without saying why. Try again; if it stays, look at Health.`);
  }
}

async function send(method: Method, url: string, body: unknown, ifMatch: string | undefined, key: string): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (ifMatch) headers['If-Match'] = ifMatch;
  if (method !== 'get') headers['X-CSRF-Token'] = hooks.csrf();
  if (method === 'post') headers['Idempotency-Key'] = key;
  const init: RequestInit = { method: method.toUpperCase(), headers, credentials: 'same-origin' };
  if (body !== undefined) init.body = JSON.stringify(body);
  try {
    return await fetch(url, init);
  } catch {
    throw new Problem(0, 'No answer', 'The appliance did not answer. Check the network; what you typed is still here.');
  }
}

export function urlOf(path: string, id?: string, query?: object | URLSearchParams): string {
  const full = path.replace(/\{[a-z]+\}/, encodeURIComponent(id ?? ''));
  if (!query) return full;
  const q = query instanceof URLSearchParams ? query : new URLSearchParams();
  if (!(query instanceof URLSearchParams))
    for (const [name, value] of Object.entries(query))
      for (const one of Array.isArray(value) ? value : [value])
        if (one !== undefined) q.append(name, String(one));
  const text = q.toString();
  return text ? `${full}?${text}` : full;
}

async function call<P extends keyof paths, M extends Method>(
  method: M, path: P, c: Call<Op<P, M>>,
): Promise<Reply<Answer<Op<P, M>>>> {
  const url = urlOf(path, c.id, c.query as object | undefined);
  const key = crypto.randomUUID();
  let r = await send(method, url, c.body, c.ifMatch, key);
  if (r.status === 401 && !OPEN.includes(path) && (await hooks.signInAgain()))
    r = await send(method, url, c.body, c.ifMatch, key);
  if (!r.ok) {
    const p = await problemOf(r);
    if (p.state) hooks.stateChanged(p.state);
    throw p;
  }
  const json = r.status !== 204 && r.headers.get('Content-Type')?.startsWith('application/json');
  return {
    data: (json ? await r.json() : undefined) as Answer<Op<P, M>>,
    etag: r.headers.get('ETag') ?? undefined,
    location: r.headers.get('Location') ?? undefined,
  };
}

export const api = {
  get: <P extends PathsWith<'get'>>(path: P, c: Call<Op<P, 'get'>> = {}) => call('get', path, c),
  post: <P extends PathsWith<'post'>>(path: P, c: Call<Op<P, 'post'>> = {}) => call('post', path, c),
  patch: <P extends PathsWith<'patch'>>(path: P, c: Call<Op<P, 'patch'>> = {}) => call('patch', path, c),
  delete: <P extends PathsWith<'delete'>>(path: P, c: Call<Op<P, 'delete'>> = {}) => call('delete', path, c),
};

/* For answers that are text, such as the report of a job. */
export async function getText(url: string): Promise<string> {
  const r = await fetch(url, { credentials: 'same-origin' });
  if (!r.ok) throw await problemOf(r);
  return r.text();
}

export function detailOf(e: unknown): string {
  return e instanceof Error ? e.message : String(e);
}
