// Import of certificates: pasted and from files, a result for each, and a private key never sent.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axe, MOCK, open, signIn, useBrowser } from './browser.mjs';

useBrowser();
const block = (name) => `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----\n`;

test('certificates are imported from text and files with a result for each', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page, '/certificates');
  await page.getByRole('link', { name: 'Import', exact: true }).click();
  await page.getByRole('heading', { name: 'Import certificates' }).waitFor();
  await page.getByRole('button', { name: 'Import' }).click();
  await page.getByText('Choose files, or paste').waitFor();
  await axe(page, 'import');
  await page.getByLabel('Pasted text').fill(block('one.imported.example') + block('ca.imported.example'));
  await page.getByLabel('Files').setInputFiles([
    { name: 'two.pem', mimeType: 'application/x-pem-file', buffer: Buffer.from(block('two.imported.example')) },
    { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('nothing here') },
    { name: 'large.pem', mimeType: 'text/plain', buffer: Buffer.alloc(600 * 1024, 65) }]);
  await page.getByLabel('Tags').fill('from=ui');
  await page.getByRole('button', { name: 'Import' }).click();
  await page.getByRole('heading', { name: '2 certificates imported' }).waitFor();
  const each = page.getByRole('list', { name: 'Result for each certificate' }).getByRole('listitem');
  assert.deepEqual(await each.count(), 5);
  assert.match(await each.nth(0).innerText(), /large.pem[\s\S]*512 KiB[\s\S]*refused/);
  assert.match(await each.nth(1).innerText(), /notes.txt[\s\S]*no certificate found[\s\S]*refused/);
  await axe(page, 'result of an import');
  assert.equal(await page.getByLabel('Pasted text').inputValue(), '');
  await page.getByRole('link', { name: 'Bot Unassigned' }).click();
  await page.locator('tbody tr').filter({ hasText: 'one.imported.example' }).filter({ hasText: 'Not Mapped' }).waitFor();
  await done();
});

test('a private key is found in the browser and not sent', MOCK, async () => {
  const { page, done } = await open();
  const sent = [];
  page.on('request', (r) => sent.push(r.postData() ?? ''));
  await signIn(page, '/certificates/import');
  await page.getByLabel('Pasted text').fill(`${block('x.example')}-----BEGIN RSA PRIVATE KEY-----\nSECRETSECRET\n-----END RSA PRIVATE KEY-----\n`);
  await page.getByRole('button', { name: 'Import' }).click();
  await page.getByText('It holds a private key: it was not sent').waitFor();
  await page.getByRole('heading', { name: '0 certificates imported' }).waitFor();
  assert.equal(sent.some((s) => s.includes('files') || s.includes('SECRET') || s.includes(btoa('SECRETSECRET').slice(0, 8))), false);
  await done();
});
