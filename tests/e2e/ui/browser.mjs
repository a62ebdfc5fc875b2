// What the UI tests share: the browser, the stand-in, signing in, axe, and the rule that a console
// error, a page error or a CSP violation fails the test that caused it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { after, before } from 'node:test';

const web = new URL('../../../web/', import.meta.url);
const require = createRequire(new URL('package.json', web));
const { chromium } = require('playwright-core');
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

export const LIVE = process.env.UI_URL ?? '';
const USER = process.env.UI_USER ?? 'alice';
const PASSWORD = process.env.UI_PASSWORD ?? 'correct horse battery';
/* For tests that need the records or the levers of the stand-in. */
export const MOCK = LIVE ? { skip: 'needs the stand-in' } : {};

let browser, mock;
export let base = LIVE;

function freePort() {
  return new Promise((resolve) => {
    const s = createServer().listen(0, '127.0.0.1', () => {
      const { port } = s.address();
      s.close(() => resolve(port));
    });
  });
}

export function useBrowser(state = 'Operational') {
  before(async () => {
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
    if (LIVE) return;
    const port = await freePort();
    base = `http://127.0.0.1:${port}`;
    mock = spawn(process.execPath, [new URL('mock/server.mjs', web).pathname], { env: { ...process.env, PORT: String(port), MOCK_STATE: state, MOCK_STEP_MS: '60' }, stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve, reject) => {
      mock.stdout.once('data', resolve);
      mock.once('exit', () => reject(new Error('the stand-in did not start')));
    });
  });
  after(async () => {
    await browser?.close();
    mock?.kill();
  });
}

export async function lever(change) {
  await fetch(`${base}/mock`, { method: 'POST', body: JSON.stringify(change) });
}

/* Opens a page whose every complaint is kept; `done` asserts that there was none. */
export async function open({ theme = 'light', width = 1280, height = 860 } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, ignoreHTTPSErrors: !!LIVE, reducedMotion: 'reduce', permissions: ['clipboard-read', 'clipboard-write'] });
  const page = await context.newPage();
  page.setDefaultTimeout(LIVE ? 15000 : 8000); // a deployment takes its time
  const wrong = [];
  page.on('pageerror', (e) => wrong.push(`page error: ${e.message}`));
  page.on('console', (m) => {
    // The browser itself notes refused requests; the UI answers those in words.
    if (m.type() === 'error' && !/^Failed to load resource: .*status of [45]\d\d/.test(m.text())) wrong.push(`console: ${m.text()}`);
  });
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) => console.error(`CSP violation: ${e.violatedDirective} ${e.blockedURI}`));
  });
  const done = async () => {
    await context.close();
    assert.deepEqual(wrong, []);
  };
  return { page, context, done };
}

export async function signIn(page, path = '/') {
  await page.goto(base + path);
  await page.getByLabel('User Name').fill(USER);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.keyboard.press('Enter');
  await page.locator('#main h1').first().waitFor();
  await settled(page);
}

/* Goes to a path as a link would, without a new page. */
export async function go(page, path) {
  await page.evaluate((to) => {
    history.pushState(null, '', to);
    dispatchEvent(new PopStateEvent('popstate'));
  }, path);
  await settled(page);
}

export async function settled(page) {
  await page.waitForFunction(() => document.querySelector('h1') && !document.querySelector('.loading') && !document.querySelector('[aria-busy=true]'));
}

export async function idOf(page, list, filter = '') {
  const id = await page.evaluate(async (url) => (await (await fetch(url)).json()).items[0]?.id, `/api/v1/${list}?limit=1${filter}`);
  assert.ok(id, `there is a record in ${list} ${filter}`);
  return id;
}

/* Automated findings must be zero (WCAG 2.2 A and AA, and axe's best practices). Playwright evaluates
 * in the page without being bound by its CSP. */
export async function axe(page, what) {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const r = await window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
    return r.violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target.join(' ')} ${n.failureSummary?.split('\n')[1] ?? ''}`).slice(0, 4).join(' | ')}`);
  });
  assert.deepEqual(found, [], `axe on ${what}`);
}

/* Presses Tab until what has the focus matches, as a person without a mouse does. */
export async function tabTo(page, selector, most = 80) {
  for (let i = 0; i < most; i++) {
    if (await page.evaluate((s) => document.activeElement?.matches(s) ?? false, selector)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`Tab never reached ${selector}`);
}
