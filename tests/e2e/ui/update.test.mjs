// Settings > Update: from choosing a bundle to the restart, and what the page says when it did not work.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axe, lever, MOCK, open, signIn, useBrowser } from './browser.mjs';

useBrowser();

const MIB = 1024 * 1024;
/* A head as docs/formats/slot.md has it, as far as the browser and the stand-in read it, and its pieces. */
function bundle(pieces, { board = 'vm-x86_64', bytes = (pieces + 1) * MIB - 5 } = {}) {
  const b = Buffer.alloc(bytes);
  b.write('CKSLOT\0\u0001', 'latin1');
  b.writeUInt32BE(pieces, 12);
  b.write(board, 48);
  return { name: 'certkeep-1.1.0.bundle', mimeType: 'application/octet-stream', buffer: b };
}

test('an update is sent, goes on after a reload, is checked, and restarts', MOCK, async () => {
  await lever({ machine: 'plain' });
  const { page, done } = await open();
  await signIn(page, '/settings');
  await page.getByRole('link', { name: 'Update', exact: true }).click();
  await page.getByText('proved healthy at its last start').waitFor();
  await axe(page, 'update, idle');

  const file = page.getByLabel('Update bundle');
  let sent = 0;
  await page.route('**/pieces/*', async (route) => (++sent > 4 ? route.fulfill({ status: 503, json: { title: 'Restarting', status: 503, detail: "the appliance's core is restarting; try again in a moment" } }) : route.continue()));
  await file.setInputFiles(bundle(5));
  await page.getByText(/: 3 of 5 MiB/).waitFor();
  await page.unroute('**/pieces/*');
  await page.reload();
  await page.getByText('it goes on with piece 4 of 5').waitFor();
  await axe(page, 'update, cut off');
  await file.setInputFiles(bundle(5));
  await page.getByRole('button', { name: 'Check and commit' }).click();
  await page.getByText('Every byte on the disk is read again.').waitFor();
  await page.getByRole('button', { name: 'Restart into version 1.1.0' }).click();
  await axe(page, 'update, restart');
  await page.getByRole('button', { name: 'Restart', exact: true }).click();
  await page.getByText('The appliance restarts.').waitFor();
  assert.match(await page.getByRole('region', { name: 'Slots' }).innerText(), /Starts next/);
  await done();
});

test('what is no bundle, is cut off, or is for another board is refused in words', MOCK, async () => {
  await lever({ machine: 'plain' });
  const { page, done } = await open();
  await signIn(page, '/settings/update');
  const file = page.getByLabel('Update bundle');
  await file.setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.alloc(2 * MIB, 'x') });
  await page.getByText('notes.txt is no update bundle').waitFor();
  await file.setInputFiles(bundle(2, { board: 'rack-x86_64' }));
  await page.getByText('it is for the board rack-x86_64, this is vm-x86_64').waitFor();
  await file.setInputFiles(bundle(3, { bytes: 2 * MIB + 9 }));
  await page.getByText('is cut off: it has 3 pieces, expected 4').waitFor();
  await done();
});

test('after a fallback the page says which version failed and why', MOCK, async () => {
  await lever({ machine: 'fell back' });
  const { page, done } = await open({ width: 390, height: 844, theme: 'dark' });
  await signIn(page, '/settings/update');
  await page.getByText('An update did not work.').waitFor();
  assert.match(await page.getByRole('main').innerText(), /version 1\.1\.0 in slot b was installed later, but it was started and did not prove healthy/);
  await axe(page, 'update, fell back');
  await done();
});

test('a version that is not proven takes no update, and another system has none', MOCK, async () => {
  await lever({ machine: 'proving' });
  const { page, done } = await open();
  await signIn(page, '/settings/update');
  await page.getByText('still proving that it is healthy').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Choose a bundle' }).getAttribute('aria-disabled'), 'true');
  await lever({ machine: 'none' });
  await page.reload();
  await page.getByRole('heading', { name: 'This is not an appliance image' }).waitFor();
  await axe(page, 'update, no image');
  await lever({ machine: 'plain' });
  await done();
});
