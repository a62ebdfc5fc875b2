// The ways in: first run, unlock, sign in with a password and with a code, and a session that ends.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { axe, base, go, lever, MOCK, open, settled, signIn, tabTo, useBrowser } from './browser.mjs';

describe('first run', MOCK, () => {
  useBrowser('Unprovisioned');
  test('is done with the keyboard alone, and a wrong setup code comes back to its step', async () => {
    const { page, done } = await open();
    await page.goto(base);
    await page.getByLabel('Setup code').waitFor();
    await axe(page, 'first run');
    const type = async (label, text) => {
      await page.keyboard.press('Tab');
      assert.ok(await page.getByLabel(label, { exact: true }).evaluate((e) => e === document.activeElement), `Tab reaches ${label}`);
      await page.keyboard.type(text);
    };
    await page.keyboard.press('Enter');
    await tabTo(page, 'input');
    await page.keyboard.type('0000-0000');
    await page.keyboard.press('Enter');
    await page.getByLabel('User Name').waitFor();
    await page.getByLabel('User Name').focus();
    await page.keyboard.type('alice');
    await type('Full Name', 'Alice Example');
    await type('Password required', 'short');
    await page.keyboard.press('Enter');
    await page.getByText('is needed').waitFor();
    await page.getByLabel('Password again').fill('short');
    await page.keyboard.press('Enter');
    await page.getByText('Expected at least 12 characters').waitFor();
    await page.getByLabel('Password required', { exact: true }).fill('correct horse battery');
    await page.getByLabel('Password again').fill('correct horse battery');
    await page.keyboard.press('Enter');
    await page.getByLabel('Unlock passphrase').fill('correct horse battery');
    await page.getByLabel('Passphrase again').fill('correct horse battery');
    await axe(page, 'last step');
    await page.keyboard.press('Enter');
    await page.getByText('not the one on the console').waitFor();
    await page.getByLabel('Setup code').fill('2468-1357');
    await page.keyboard.press('Enter');
    assert.equal(await page.getByLabel('User Name').inputValue(), 'alice', 'what was typed is still there');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('button', { name: 'Set up' }).click();
    await page.getByRole('heading', { name: 'CA Connectors' }).waitFor();
    await done();
  });
});

describe('sign in', () => {
  useBrowser();
  test('a wrong password is said, with axe clean in both themes', async () => {
    for (const theme of ['light', 'dark']) {
      const { page, done } = await open({ theme });
      await page.goto(base);
      await page.getByLabel('User Name').fill('alice');
      await page.getByLabel('Password', { exact: true }).fill('not the password');
      await page.keyboard.press('Enter');
      await page.getByRole('alert').waitFor();
      await axe(page, 'sign in');
      await done();
    }
  });

  test('a one-time code signs in', MOCK, async () => {
    const { page, done } = await open();
    await page.goto(`${base}/servers`);
    await page.getByRole('button', { name: 'Use a one-time code' }).click();
    await page.getByLabel('One-time code').fill('abcd-efgh');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Servers', exact: true }).waitFor();
    await done();
  });

  test('a session that ends in the middle of a form loses nothing', MOCK, async () => {
    const { page, done } = await open();
    await signIn(page, '/servers/new');
    await page.getByLabel('Description').fill('Typed before the end');
    await page.getByLabel('IP Address').fill('10.9.9.9');
    await page.getByLabel('Username').fill('deploy');
    await page.getByLabel('Password', { exact: true }).fill('secret of the server');
    await lever({ signOut: true });
    await page.getByRole('button', { name: 'Save and test' }).click();
    const dialog = page.getByRole('dialog', { name: 'Sign in again' });
    await dialog.waitFor();
    await axe(page, 'sign in again');
    await dialog.getByLabel('User Name').fill('alice');
    await dialog.getByLabel('Password', { exact: true }).fill('correct horse battery');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Typed before the end', exact: true }).waitFor();
    await done();
  });

  test('locking and unlocking keeps the page', MOCK, async () => {
    const { page, done } = await open();
    await signIn(page, '/certificates/new');
    await page.getByLabel('CN / SAN Name').fill('kept.example');
    await lever({ state: 'Locked' });
    await page.getByRole('dialog', { name: 'The appliance is locked' }).waitFor();
    await axe(page, 'unlock');
    await page.getByLabel('Unlock passphrase').fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('The passphrase is not right').waitFor();
    await page.getByLabel('Unlock passphrase').fill('correct horse battery');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal(await page.getByLabel('CN / SAN Name').inputValue(), 'kept.example');
    await done();
  });

  test('signing out ends at the sign-in form', async () => {
    const { page, done } = await open();
    await signIn(page);
    await page.getByRole('button', { name: /^Account of/ }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('menu').waitFor();
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await done();
  });

  test('the answer has a strict CSP and the page nothing inline', async () => {
    const { page, done } = await open();
    const r = await page.goto(base);
    assert.match(r.headers()['content-security-policy'], /default-src 'self'/);
    assert.doesNotMatch(r.headers()['content-security-policy'], /unsafe/);
    const html = await r.text();
    assert.doesNotMatch(html, /<style|style=|<script(?![^>]* src=)/);
    await signIn(page);
    await go(page, '/health');
    await settled(page);
    await done();
  });
});
