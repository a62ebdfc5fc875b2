// The pages of the machine, against the stand-in: a live appliance of these tests is no image.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axe, MOCK, open, signIn, useBrowser } from './browser.mjs';

useBrowser();

test('a change of the network is refused, tried, kept and taken back', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page, '/settings/network');
  const eth0 = page.getByRole('region', { name: 'Interface eth0' });
  await eth0.getByText('192.0.2.20/24').waitFor();
  assert.equal(await eth0.getByLabel('IPv4 address').count(), 0); // only when static
  await eth0.getByLabel('IPv4', { exact: false }).first().selectOption('static');
  await eth0.getByLabel('IPv4 address').fill('192.0.2.10/24');
  await eth0.getByLabel('IPv4 gateway').fill('192.0.2.1');
  await eth0.getByRole('button', { name: 'Try it' }).click();
  const band = page.locator('#tried');
  await band.getByText('eth0 gives up 192.0.2.20/24').waitFor();
  assert.match(await band.innerText(), /come back in 1\d\d s/);
  await axe(page, 'a change that is tried');
  await band.getByRole('button', { name: 'Keep these settings' }).click();
  await page.getByText('Kept.').waitFor();
  await band.waitFor({ state: 'detached' });
  await eth0.getByText('192.0.2.10/24').first().waitFor();
  await page.getByLabel('Search domain').fill('corp.example');
  await page.getByRole('button', { name: 'Try it' }).first().click();
  await band.getByRole('button', { name: 'Go back now' }).click();
  await band.waitFor({ state: 'detached' });
  await page.reload();
  await page.getByLabel('Search domain').waitFor();
  assert.equal(await page.getByLabel('Search domain').inputValue(), '');
  await done();
});

test('what is wrong is said beside the field', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page, '/settings/network');
  const window = page.getByLabel('Confirm within');
  await window.fill('5');
  await page.getByRole('button', { name: 'Try it' }).first().click();
  await page.getByText('expected at least 30').waitFor();
  assert.equal(await window.getAttribute('aria-invalid'), 'true');
  await done();
});

test('switching off asks first, and says what is at work', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page, '/settings/power');
  await page.getByRole('button', { name: 'Switch off' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: 'Restart the appliance' }).click();
  await axe(page, 'restart');
  await dialog.getByRole('button', { name: 'Restart' }).click();
  await page.getByText('The appliance restarts.').waitFor();
  await done();
});

test('the certificate of the UI is requested, imported and issued anew', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page, '/settings/identity');
  await page.getByText('CN=Certkeep Local CA').waitFor();
  await page.getByRole('button', { name: 'Make a request' }).click();
  await page.getByText('BEGIN CERTIFICATE REQUEST').waitFor();
  const chain = page.getByLabel('Certificate and its CAs');
  await chain.fill('-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----');
  await page.getByRole('button', { name: 'Serve this certificate' }).click();
  await page.getByText('CN=keep.corp.example').waitFor();
  await axe(page, 'an imported certificate');
  await page.getByRole('button', { name: 'Issue anew by the local CA' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Issue' }).click();
  await page.getByText('CN=Certkeep Local CA').waitFor();
  assert.equal(await page.getByText('CN=keep.corp.example').count(), 0);
  await done();
});
