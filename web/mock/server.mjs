// A stand-in for the appliance, for work on the UI and for its tests: docs/api.yaml in memory, with
// the built UI under the same Content-Security-Policy. Never part of the product.
import { createServer } from 'node:http';
import { existsSync, readFileSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { db, record, seedAll } from './data.mjs';
import { setMachine } from './machine.mjs';
import { problem, routes } from './routes.mjs';
import { emit, streams } from './work.mjs';

const PORT = Number(process.env.PORT ?? 8180);
const DIST = fileURLToPath(new URL('../dist/', import.meta.url));
const MIME = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };

seedAll();
export const appliance = { state: process.env.MOCK_STATE ?? 'Operational', detail: '', csrf: 'csrf-of-the-mock', sessions: new Set(), attempts: 0 };

function serveFile(req, res) {
  const path = normalize(decodeURIComponent(new URL(req.url, 'http://x').pathname));
  const file = join(DIST, path);
  const found = file.startsWith(DIST) && path !== '/' && existsSync(file) ? file : join(DIST, 'index.html');
  res.writeHead(200, {
    'Content-Type': MIME[extname(found)] ?? 'application/octet-stream',
    'Content-Security-Policy': "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'; object-src 'none'",
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': found.endsWith('.html') ? 'no-cache' : 'public, max-age=31536000, immutable',
  });
  res.end(readFileSync(found));
}

function openStream(req, res) {
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  res.write(': hello\n\n');
  streams.add(res);
  const beat = setInterval(() => res.write(': \n\n'), 15000);
  req.on('close', () => { clearInterval(beat); streams.delete(res); });
}

function answer(res, status, body, headers = {}) {
  if (status === 204) return res.writeHead(204, headers).end();
  const text = typeof body === 'string';
  res.writeHead(status, { 'Content-Type': text ? 'text/plain; charset=utf-8' : status >= 400 ? 'application/problem+json' : 'application/json', 'Cache-Control': 'no-store', ...headers });
  res.end(body === undefined ? '' : text ? body : JSON.stringify(body));
}

async function bytesOf(req) {
  const parts = [];
  for await (const p of req) parts.push(p);
  return Buffer.concat(parts);
}

const OPEN = ['/api/v1/state', '/api/v1/setup', '/api/v1/unlock', '/api/v1/session'];

async function api(req, res, url) {
  const cookie = /mock=([a-z0-9]+)/.exec(req.headers.cookie ?? '')?.[1];
  const user = cookie && appliance.sessions.has(cookie) ? db.user[0] : null;
  const open = OPEN.includes(url.pathname) && !(url.pathname === '/api/v1/session' && req.method !== 'POST');
  if (!open && appliance.state === 'Locked') return answer(res, 409, { ...problem(409, 'conflict', 'The appliance is Locked: give the unlock passphrase first.'), state: 'Locked' });
  if (!open && !user) return answer(res, 401, problem(401, 'auth', 'Sign in first.'));
  if (url.pathname === '/api/v1/events') return openStream(req, res);
  if (!open && req.method !== 'GET' && req.headers['x-csrf-token'] !== appliance.csrf) return answer(res, 403, problem(403, 'denied', 'The CSRF token is missing.'));
  for (const [method, pattern, handler] of routes) {
    const m = method === req.method && pattern.exec(url.pathname);
    if (!m) continue;
    const bytes = await bytesOf(req);
    const json = bytes.length && req.headers['content-type'] !== 'application/octet-stream';
    const r = handler({ id: m[1], bytes, body: json ? JSON.parse(bytes.toString()) : undefined, query: url.searchParams, ifMatch: req.headers['if-match'], user, cookie, appliance });
    if (r.error) return answer(res, r.error.status, r.error);
    if (req.method !== 'GET' && user) record(user.username, `${req.method} ${url.pathname.split('/').slice(3).join(' ')}`, m[1] ?? '', '', 'ok');
    return answer(res, r.status ?? 200, r.body, r.headers);
  }
  return answer(res, 404, problem(404, 'not_found', `There is no ${req.method} ${url.pathname}.`));
}

/* Only for tests: put the appliance into a state, end all sessions, begin anew. */
async function control(req, res) {
  const body = JSON.parse((await bytesOf(req)).toString());
  if (body.machine) setMachine(body.machine);
  if (body.state) appliance.state = body.state;
  if (body.signOut) appliance.sessions.clear();
  if (body.touch) {
    const r = db[body.touch].find((x) => x.id === body.id) ?? db[body.touch][0];
    r.rev++;
  }
  emit('state', { state: appliance.state });
  answer(res, 200, { ok: true });
}

createServer((req, res) => {
  const url = new URL(req.url, 'http://x');
  const work = url.pathname.startsWith('/api/') ? api(req, res, url) : url.pathname === '/mock' ? control(req, res) : Promise.resolve(serveFile(req, res));
  work.catch((e) => answer(res, 500, problem(500, 'bug', String(e.stack))));
}).listen(PORT, '127.0.0.1', () => console.log(`mock: http://127.0.0.1:${PORT}`));
