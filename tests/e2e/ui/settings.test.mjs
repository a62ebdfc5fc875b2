// Settings of the appliance itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axe, open, signIn, useBrowser } from './browser.mjs';

useBrowser();

test('retention is shown, checked and set', async () => {
  const { page, done } = await open();
  await signIn(page, '/settings');
  await page.getByRole('link', { name: 'Retention' }).click();
  const jobs = page.getByLabel('Jobs', { exact: true });
  await jobs.waitFor();
  const before = await jobs.inputValue();
  await jobs.fill('4000');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText(/3[ ,]?650/).first().waitFor();
  assert.equal(await jobs.getAttribute('aria-invalid'), 'true');
  await axe(page, 'retention with an error');
  await jobs.fill('90');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  await page.reload();
  await jobs.waitFor();
  assert.equal(await jobs.inputValue(), '90');
  await jobs.fill(before);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  await done();
});
