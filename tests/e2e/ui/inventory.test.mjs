// The inventory of issued certificates, and what rows of keys and of the audit can do.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axe, go, MOCK, open, signIn, useBrowser } from './browser.mjs';

useBrowser();
const rows = (page) => page.locator('tbody tr');
const menu = async (page, row, item) => {
  await row.getByRole('button', { name: /^Actions for/ }).click();
  await page.getByRole('menuitem', { name: item }).click();
};

test('issued certificates are an inventory of their own', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page);
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Certificates', exact: true }).click();
  await page.getByRole('heading', { name: 'Certificates', exact: true, level: 1 }).waitFor();
  await rows(page).first().waitFor();
  const heads = await page.locator('thead th').allInnerTexts();
  for (const h of ['CN / SAN Name', 'Issuer CA', 'Serial Number', 'Order ID', 'Issued On', 'Expires On', 'Key Custody', 'Status', 'Revoked']) assert.ok(heads.some((x) => x.startsWith(h)), h);
  assert.equal(await rows(page).filter({ hasText: 'Discovered' }).count(), 0);
  const all = await page.evaluate(async () => (await (await fetch('/api/v1/certificates?limit=500&columns=order,serial')).json()).items);
  const issued = all.filter((c) => c.order && c.serial).length;
  assert.ok(issued > 0 && issued < all.length);
  assert.match(await page.locator('.count').innerText(), new RegExp(`^${Math.min(issued, 50)}\\b`));
  await menu(page, rows(page).first(), 'Revoke');
  await page.getByRole('dialog', { name: /^Revoke/ }).waitFor();
  await axe(page, 'issued, revoke');
  await page.keyboard.press('Escape');
  await menu(page, rows(page).first(), 'Download Certificate');
  assert.ok(await page.getByRole('link', { name: 'PEM chain' }).getAttribute('href'));
  await page.keyboard.press('Escape');
  await menu(page, rows(page).first(), 'Open order');
  await page.getByRole('link', { name: 'Orders' }).first().waitFor();
  assert.match(page.url(), /\/orders\//);
  await go(page, '/ssl/certificates?q=shop');
  await menu(page, rows(page).first(), 'Open provisioning entry');
  await page.waitForURL(/\/certificates\/[0-9a-z]+$/);
  await done();
});

test('keys: where used, copy, and destroy what nothing uses', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page);
  await page.locator('.tiles').getByRole('link', { name: /Keys/ }).click();
  await rows(page).first().waitFor();
  await menu(page, rows(page).first(), 'Copy public key (SHA-256)');
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^[0-9a-f]{64}$/);
  await menu(page, rows(page).first(), 'Destroy');
  const ask = page.getByRole('dialog', { name: /^Destroy the key of/ });
  const label = await ask.locator('strong.mono').innerText();
  await ask.getByLabel(/^Type/).fill(label);
  await ask.getByRole('button', { name: 'Destroy' }).click();
  await ask.getByText('uses this key').waitFor();
  await axe(page, 'a key in use');
  await page.keyboard.press('Escape');
  await menu(page, rows(page).first(), 'Where used');
  await page.waitForURL(/\/certificates\//);
  await done();
});

test('audit: open the object, filter by user, object and address, copy the record', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page, '/health');
  await page.getByRole('main').getByRole('link', { name: 'Audit' }).click(); // from the metric
  await rows(page).first().waitFor();
  const first = rows(page).filter({ hasText: 'configured' }).first();
  await menu(page, first, 'Copy record');
  const record = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
  assert.ok(record.seq > 0 && record.action && record.hash && !('id' in record));
  await menu(page, first, 'Only this user');
  await page.waitForURL(/actor%3Aequals/);
  await rows(page).first().waitFor();
  const object = rows(page).filter({ hasText: 'configured' }).first();
  await menu(page, object, 'Only this object');
  await page.waitForURL(/object%3Aequals/);
  await rows(page).first().waitFor();
  await axe(page, 'audit of an object');
  await menu(page, rows(page).first(), 'Open object');
  await page.waitForURL(/\/certificates\/[0-9a-z]+$/);
  await done();
});

test('jobs are reached from the metrics of Home', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page);
  for (const [tile, filter] of [['Jobs failed', /state%3Ain%3AFailed/], ['Jobs waiting', /state%3Ain%3AWaiting/], ['Jobs running', /state%3Aequals%3ARunning/]]) {
    await go(page, '/');
    await page.locator('.tiles').getByRole('link', { name: tile }).click();
    await page.waitForURL(filter);
    await page.getByRole('heading', { name: 'Jobs' }).waitFor();
  }
  await go(page, '/');
  await page.locator('.tiles').getByRole('link', { name: 'Audit records' }).click();
  await page.getByRole('heading', { name: 'Audit' }).waitFor();
  await done();
});
