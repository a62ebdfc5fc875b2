// Every page, in both themes, wide and narrow: axe finds nothing, nothing overflows the window, the
// console is silent.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axe, go, idOf, MOCK, open, signIn, useBrowser } from './browser.mjs';

useBrowser();

const PAGES = [
  '/', '/certificates', '/certificates/new', '/certificates/import', '/ssl/certificates', '/orders', '/keys', '/policies', '/policies/new', '/servers', '/servers/new', '/connectors', '/connectors/new', '/connectors/new/local', '/connectors/new/acme', '/connectors/new/emsign',
  '/jobs', '/audit', '/health', '/settings/users', '/settings/users/new', '/settings/tokens', '/settings/update', '/settings/codes', '/settings/retention', '/settings/appliance', '/settings/identity', '/settings/network', '/settings/power', '/no-such-page',
];
const RECORDS = [
  ['certificates', '&q=api.corp', ['', '/decoded', '/timeline', '/configure']], ['orders', '', ['']], ['keys', '', ['']], ['policies', '&q=Production', ['', '/refused', '/edit']],
  ['servers', '&filter=state:equals:Auth%20Failed', ['', '/edit']], ['connectors', '&filter=state:equals:Error', ['', '/evidence', '/edit']],
  ['jobs', '&filter=state:equals:Failed', ['']], ['jobs', '&filter=state:equals:Needs%20Approval', ['']],
];

async function check(page, path, theme, width) {
  await go(page, path);
  await axe(page, `${path} ${theme} ${width}`);
  const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(wide <= seen, `${path} is ${wide} px wide in a window of ${seen} px`);
  const small = await page.evaluate(() => [...document.querySelectorAll('button, [role=menuitem], input:not([type=hidden]), select')]
    .filter((e) => e.checkVisibility()).map((e) => [e, e.getBoundingClientRect()])
    .filter(([e, b]) => (b.width < 24 || b.height < 24) && !(e.type === 'checkbox')).map(([e, b]) => `${e.outerHTML.slice(0, 80)} ${b.width}x${b.height}`));
  assert.deepEqual(small, [], `${path}: targets under 24 px`);
}

for (const theme of ['light', 'dark'])
  for (const width of [1280, 390]) {
    test(`pages are accessible, ${theme}, ${width} px`, async () => {
      const { page, done } = await open({ theme, width });
      await signIn(page);
      for (const path of PAGES) await check(page, path, theme, width);
      await done();
    });
    test(`pages of records are accessible, ${theme}, ${width} px`, MOCK, async () => {
      const { page, done } = await open({ theme, width });
      await signIn(page);
      for (const [list, filter, tabs] of RECORDS) {
        const id = await idOf(page, list, filter);
        for (const tab of tabs) await check(page, `/${list}/${id}${tab}`, theme, width);
      }
      await done();
    });
  }

test('400 % zoom: 320 px wide, nothing is cut', async () => {
  const { page, done } = await open({ width: 320, height: 256 });
  await signIn(page);
  for (const path of ['/', '/certificates', '/servers/new', '/health']) await check(page, path, 'light', 320);
  await done();
});

test('dialogs and menus are accessible', MOCK, async () => {
  for (const theme of ['light', 'dark']) {
    const { page, done } = await open({ theme });
    await signIn(page, '/certificates');
    await page.getByRole('button', { name: 'Filter', exact: true }).click();
    await axe(page, 'filter');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Columns' }).click();
    await axe(page, 'columns');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: /^Actions for/ }).first().click();
    await axe(page, 'row menu');
    await page.getByRole('menuitem', { name: 'Revoke' }).click();
    await axe(page, 'revoke');
    await page.keyboard.press('Escape');
    await page.keyboard.press('?');
    await axe(page, 'keys');
    await done();
  }
});
