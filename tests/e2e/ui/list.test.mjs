// The list: filters as sentences in the URL, columns, sort, paging, views, export, keys, bulk.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { axe, base, go, idOf, MOCK, open, settled, signIn, tabTo, useBrowser } from './browser.mjs';

useBrowser();

const rows = (page) => page.locator('tbody tr');
const query = (page) => new URL(page.url()).searchParams;

test('a filter is made with the keyboard, reads as a sentence and lives in the URL', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page, '/certificates');
  await page.getByRole('button', { name: 'Filter', exact: true }).focus();
  await page.keyboard.press('Enter');
  await page.getByLabel('Column').selectOption({ label: 'Status' });
  await page.getByLabel('Operator').selectOption({ label: 'is' });
  await page.getByLabel('Value').selectOption({ label: 'Deployed' });
  await tabTo(page, 'dialog [type=submit]');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Status is Deployed', exact: true }).waitFor();
  await settled(page);
  assert.deepEqual(query(page).getAll('filter'), ['status:equals:Deployed']);
  assert.equal(await rows(page).filter({ hasNotText: 'Deployed' }).count(), 0);

  await page.getByRole('button', { name: 'Filter', exact: true }).click();
  await page.getByLabel('Column').selectOption({ label: 'Expires On' });
  await page.getByLabel('Operator').selectOption({ label: 'is after' });
  await page.getByLabel('Value').fill('2020-02-05');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Expires On is after 05-Feb-2020', exact: true }).waitFor();
  assert.equal(query(page).getAll('filter').length, 2, 'filters combine');
  await page.reload();
  await page.getByRole('button', { name: 'Status is Deployed', exact: true }).waitFor();

  await page.getByRole('button', { name: 'Status is Deployed', exact: true }).click();
  await page.getByLabel('Value').selectOption({ label: 'All' });
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.getByRole('button', { name: 'Status is Deployed', exact: true }).waitFor({ state: 'detached' });
  assert.equal(query(page).getAll('filter').length, 1, 'All lifts the filter of its column only');
  await page.goBack();
  await page.getByRole('button', { name: 'Status is Deployed', exact: true }).waitFor();
  await done();
});

test('columns are chosen, sorted by and exported as shown', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page, '/certificates?filter=status:equals:Deployed');
  await page.getByRole('button', { name: 'Columns' }).click();
  await page.getByRole('checkbox', { name: 'Serial Number' }).check();
  await page.getByRole('checkbox', { name: 'Readiness' }).uncheck();
  await page.getByRole('button', { name: 'Show these' }).click();
  await page.getByRole('columnheader', { name: 'Serial Number' }).waitFor();
  assert.equal(await page.getByRole('columnheader', { name: 'Readiness' }).count(), 0);
  await page.getByRole('button', { name: 'Expires On' }).click();
  await page.locator('th[aria-sort=ascending]').waitFor();
  await settled(page);
  const [down] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export' }).click().then(() => page.getByRole('menuitem', { name: /CSV/ }).click())]);
  const csv = (await readFile(await down.path(), 'utf8')).split('\r\n');
  assert.equal(csv[0], query(page).get('columns'));
  assert.match(csv[0], /serial/);
  assert.doesNotMatch(csv[0], /readiness/);
  assert.ok(csv.slice(1).every((line) => line.includes('"Deployed"')), 'filters hold in the export');
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('menuitem', { name: 'Save this view…' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Deployed by end');
  await page.keyboard.press('Enter');
  await go(page, '/certificates');
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('menuitemradio', { name: 'Deployed by end' }).click();
  await page.getByRole('columnheader', { name: 'Serial Number' }).waitFor();
  await done();
});

test('pages go forth and back, with counts', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page, '/certificates');
  await page.locator('.count').getByText('180', { exact: true }).waitFor();
  assert.equal(await rows(page).count(), 50);
  const first = await rows(page).first().innerText();
  await page.getByRole('button', { name: 'Next page' }).click();
  await page.getByRole('button', { name: 'Previous page' }).waitFor();
  await settled(page);
  assert.notEqual(await rows(page).first().innerText(), first);
  await page.getByRole('button', { name: 'Previous page' }).click();
  await page.getByRole('button', { name: 'Previous page' }).waitFor({ state: 'detached' });
  await settled(page);
  assert.equal(await rows(page).first().innerText(), first);
  await done();
});

test('a page that filters leave short goes on by itself', MOCK, async () => {
  const { page, done } = await open();
  let calls = 0;
  await page.route('**/api/v1/jobs?*', async (route) => {
    calls++;
    const r = await route.fetch();
    const body = await r.json();
    if (calls < 4) Object.assign(body, { items: [], next: '0', total: null }); // looked, found none, may go on
    await route.fulfill({ response: r, json: body });
  });
  await signIn(page, '/jobs');
  await rows(page).first().waitFor();
  assert.equal(calls, 4);
  await done();
});

test('j, k, x, Enter, / and ? work, and can be turned off', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page, '/certificates');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  assert.ok(await rows(page).nth(1).evaluate((r) => r.contains(document.activeElement)));
  await page.keyboard.press('k');
  await page.keyboard.press('x');
  await page.getByText('1 selected').waitFor();
  await axe(page, 'selected');
  await page.keyboard.press('/');
  assert.equal(await page.evaluate(() => document.activeElement.type), 'search');
  await page.keyboard.type('vpn-2');
  await page.keyboard.press('Enter');
  await settled(page);
  assert.equal(query(page).get('q'), 'vpn-2');
  await page.locator('h1').focus();
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: 'Certificate Details' }).waitFor();
  await page.keyboard.press('?');
  await page.getByRole('checkbox', { name: /Single keys/ }).uncheck();
  await page.keyboard.press('Escape');
  await page.keyboard.press('?');
  await page.waitForTimeout(100);
  assert.equal(await page.getByRole('dialog').count(), 0);
  await done();
});

test('many at once: tag, and configure as a named batch with a result for each', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page, '/certificates?sort=name');
  await page.getByRole('checkbox', { name: 'Select all on this page' }).check();
  await page.getByText('50 selected').waitFor();
  await page.getByRole('button', { name: 'Tag', exact: true }).click();
  await page.getByLabel('Tags').fill('wave=1');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Tag: 50 done, 0 refused' }).waitFor();
  await page.getByRole('button', { name: 'Close' }).last().click();
  for (let i = 0; i < 3; i++) await rows(page).nth(i).getByRole('checkbox').check();
  await page.getByRole('button', { name: 'Configure', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Configure' }).click();
  await page.getByText('Batch Name: is needed').waitFor();
  await axe(page, 'batch');
  await page.getByLabel('Batch Name').fill('Wave 1');
  await page.getByLabel('Renewal').selectOption('manual');
  await page.getByRole('dialog').getByRole('button', { name: 'Configure' }).click();
  const result = page.getByRole('dialog', { name: 'Configure: 3 done, 0 refused' });
  await result.waitFor();
  assert.equal(await result.getByRole('list', { name: 'Result for each' }).getByRole('listitem').filter({ hasText: 'done' }).count(), 3);
  await axe(page, 'result of a batch');
  await result.getByRole('button', { name: 'All of batch Wave 1' }).click();
  await page.waitForURL(/batch%3Aequals%3AWave/);
  await go(page, '/certificates?filter=batch:equals:Wave 1&columns=name,batch,renewal');
  await rows(page).filter({ hasText: 'manual' }).nth(2).waitFor();
  assert.equal(await rows(page).filter({ hasText: 'manual' }).count(), 3);
  await done();
});

test('a change elsewhere shows without a reload, and one request reads the names of a column', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page, '/certificates?columns=name,server');
  await page.getByRole('cell', { name: /Production web/ }).first().waitFor();
  const id = await idOf(page, 'servers', '&filter=state:equals:Active');
  await go(page, '/servers');
  await page.evaluate(async (server) => {
    const s = await (await fetch('/api/v1/session')).json();
    await fetch(`/api/v1/servers/${server}`, { method: 'PATCH', headers: { 'X-CSRF-Token': s.csrf }, body: JSON.stringify({ description: 'Renamed elsewhere' }) });
  }, id);
  await page.getByRole('link', { name: 'Renamed elsewhere' }).waitFor();
  await done();
});

test('on a phone rows are cards with the same actions', MOCK, async () => {
  const { page, done } = await open({ width: 390 });
  await signIn(page, '/servers');
  assert.equal(await page.locator('table').count(), 0);
  await page.getByRole('button', { name: /^Actions for/ }).first().click();
  await page.getByRole('menuitem', { name: 'Edit' }).click();
  await page.getByRole('button', { name: 'Save' }).waitFor();
  await page.getByRole('button', { name: 'Menu' }).click();
  await page.getByRole('dialog').getByRole('link', { name: 'Orders' }).click();
  await page.getByRole('heading', { name: 'Orders' }).waitFor();
  await done();
});

test('an empty list teaches, and a filter that fits nothing says so', async () => {
  const { page, done } = await open();
  await signIn(page, '/certificates?q=there-is-no-such-name');
  await page.getByRole('heading', { name: 'Nothing matches' }).waitFor();
  await page.getByRole('button', { name: 'Clear filters and search' }).click();
  await page.waitForURL(`${base}/certificates`);
  await done();
});

test('when the appliance does not answer the list says so and tries again', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page);
  await page.route('**/api/v1/orders?*', (route) => route.fulfill({ status: 500, contentType: 'application/problem+json', body: JSON.stringify({ type: 'urn:certkeep:error:store', title: 'store', status: 500, detail: 'The store cannot be read: the disk is full. Make room, then try again.' }) }));
  await go(page, '/orders').catch(() => undefined);
  await page.getByText('the disk is full').waitFor();
  await page.unroute('**/api/v1/orders?*');
  await page.getByRole('button', { name: 'Try again' }).click();
  await rows(page).first().waitFor();
  await done();
});
