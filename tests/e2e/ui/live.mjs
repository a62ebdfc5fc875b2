// The flows that change something, against a live appliance with a real server and a real ACME CA
// (tests/e2e/test_ui_live.py starts them and this): what the stand-in of web/mock only plays. One
// story: each test goes on from the one before.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { base, go, idOf, open, settled, signIn, useBrowser } from './browser.mjs';

const at = JSON.parse(process.env.UI_WORLD); // of the server: address, host_keys, password; of the CA: directory, trust
const SITE = 'shop.example';

useBrowser();

const button = (page, name) => page.getByRole('button', { name, exact: true });
const pill = (page, state) => page.locator('.head .pill', { hasText: state }).waitFor();
const named = (page, name) => page.getByRole('heading', { name, exact: true }).waitFor();

async function act(page, name) {
  await button(page, 'Select Action').click();
  await page.getByRole('menuitem', { name, exact: true }).click();
}

async function confirm(page, action, typed) {
  if (typed) await page.getByLabel(/to go on/).fill(typed);
  await page.getByRole('dialog').getByRole('button', { name: action, exact: true }).click();
}

async function openSite(page) {
  await go(page, `/certificates/${await idOf(page, 'certificates', `&filter=name:equals:${SITE}&filter=superseded:equals:false`)}`);
  await named(page, SITE);
}

/* SHA-256 of the leaf a client of the server gets now. */
function served() {
  return new Promise((resolve, reject) => {
    const s = connect({ host: at.address, port: 443, servername: SITE, rejectUnauthorized: false }, () => {
      resolve(createHash('sha256').update(s.getPeerCertificate().raw).digest('hex'));
      s.destroy();
    });
    s.once('error', reject);
  });
}

async function story(path, run) {
  const { page, done } = await open();
  await signIn(page, path);
  try {
    await run(page);
  } catch (e) {
    console.log(`${page.url()} shows:\n${await page.locator('body').innerText()}`);
    throw e;
  }
  await done();
}

test('a server is added, its host key pinned, what it serves discovered', () => story('/servers', async (page) => {
  await page.getByRole('link', { name: 'Add Server' }).first().click();
  await page.getByLabel('Description').fill('Live web');
  await page.getByLabel('IP Address').fill('not an address!');
  await page.getByLabel('Username').fill('deploy');
  await page.getByLabel('Password', { exact: true }).fill(at.password);
  await page.getByLabel('Elevation').selectOption('sudo');
  await page.getByLabel('Nginx Path').fill('/etc/nginx');
  await button(page, 'Save and test').click();
  await page.getByText(/expected a host name or IP address/).waitFor();
  assert.ok(await page.getByLabel('IP Address').evaluate((e) => e === document.activeElement), 'the field the appliance names has the focus');
  await page.getByLabel('IP Address').fill(at.address);
  await button(page, 'Save and test').click();
  await named(page, 'Compare the host key');
  const boxes = page.getByRole('checkbox', { name: /^I compared/ });
  const shown = (await boxes.evaluateAll((all) => all.map((x) => x.getAttribute('aria-label')))).map((x) => x.replace('I compared ', ''));
  assert.ok(shown.length > 0 && shown.every((k) => at.host_keys.includes(k)), `the console says ${at.host_keys}, the page ${shown}`);
  for (const box of await boxes.all()) await box.check();
  await button(page, 'Approve what I compared').click();
  await pill(page, 'Active');
  assert.equal((await page.content()).includes(at.password), false, 'a stored secret is never shown');
  await page.getByRole('link', { name: 'Deployed to this server' }).click();
  await page.getByRole('link', { name: SITE }).waitFor();
  await page.getByRole('link', { name: 'blog.example' }).waitFor();
}));

test('a server is edited while somebody else does, disabled and enabled; delete is guarded', () => story('/servers', async (page) => {
  const id = await idOf(page, 'servers');
  await go(page, `/servers/${id}/edit`);
  await page.getByText('kept in the HSM').first().waitFor();
  await page.getByLabel('Group').fill('mine');
  await page.evaluate(async (server) => {
    const s = await (await fetch('/api/v1/session')).json();
    await fetch(`/api/v1/servers/${server}`, { method: 'PATCH', headers: { 'X-CSRF-Token': s.csrf, 'Content-Type': 'application/json' }, body: JSON.stringify({ service_name: 'nginx' }) });
  }, id);
  await button(page, 'Save').click();
  await page.getByRole('button', { name: /keep what I typed/ }).click();
  assert.equal(await page.getByLabel('Group').inputValue(), 'mine');
  assert.equal(await page.getByLabel('Service Name').inputValue(), 'nginx');
  await button(page, 'Save').click();
  await page.getByText('Saved.').waitFor();
  await act(page, 'Disable');
  await pill(page, 'Disabled');
  await act(page, 'Delete');
  await confirm(page, 'Delete', 'Live web');
  await page.getByRole('dialog').getByText(/certificate/).last().waitFor();
  await page.keyboard.press('Escape');
  await act(page, 'Enable');
  await button(page, 'Test connection').click();
  await pill(page, 'Active');
}));

test('a certificate is configured and issued; its plan is read and approved from Home; the log is live', () => story('/', async (page) => {
  const before = await served();
  await openSite(page);
  await page.getByRole('link', { name: 'Configure', exact: true }).click();
  await page.getByLabel('Certificate Authority').selectOption({ label: 'Local CA' });
  await page.getByLabel('Plan Approval').selectOption('manual');
  await button(page, 'Save').click();
  await page.getByText('Saved. It is used from the next').waitFor();
  await button(page, 'Issue').click();
  await pill(page, 'Done');
  await page.locator('.facts').getByRole('link', { name: 'Open' }).last().click();
  await pill(page, 'Needs Approval');
  assert.equal(await served(), before, 'nothing is changed before the approval');
  await go(page, '/');
  await page.getByRole('link', { name: /^Review plan/ }).first().click();
  await page.getByText('The plan waits for approval').waitFor();
  await page.locator('.plan').getByText('replace /etc/nginx/tls/shop.key').first().waitFor();
  await button(page, 'Approve').click();
  await page.locator('.log').getByText(/Stage/).first().waitFor();
  await pill(page, 'Done');
  await page.reload();
  await pill(page, 'Done');
  assert.match(await page.locator('.log').innerText(), /Commit/);
  await button(page, 'Copy report').click();
  await page.getByText('Copied.').waitFor();
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /after {2}Verify/);
  await openSite(page);
  await pill(page, 'Deployed');
  const now = await served();
  assert.notEqual(now, before);
  await page.getByText(now).waitFor(); // the thumbprint
}));

test('dry run, roll back, cancel, retry, revoke', () => story('/', async (page) => {
  await openSite(page);
  const ours = await served();
  await button(page, 'Dry run').click();
  await pill(page, 'No Change');
  await openSite(page);
  await act(page, 'Roll back');
  await confirm(page, 'Roll back');
  await pill(page, 'Done');
  assert.notEqual(await served(), ours);
  await openSite(page);
  await pill(page, 'Rolled Back');
  await button(page, 'Deploy').click();
  await pill(page, 'Needs Approval');
  await button(page, 'Cancel').click();
  await confirm(page, 'Cancel the job');
  await pill(page, 'Cancelled');
  await button(page, 'Retry').click();
  await pill(page, 'Needs Approval');
  await button(page, 'Approve').click();
  await pill(page, 'Done');
  assert.equal(await served(), ours);
  await openSite(page);
  await act(page, 'Revoke');
  const revoke = page.getByRole('dialog').getByRole('button', { name: 'Revoke', exact: true });
  await page.getByLabel(/to go on/).fill(SITE);
  assert.equal(await revoke.getAttribute('aria-disabled'), 'true', 'a reason is needed');
  await page.getByLabel('Reason').selectOption({ label: 'Superseded' });
  await page.getByLabel('Comments').fill('end of the story');
  await revoke.click();
  await pill(page, 'Done');
  await openSite(page);
  await pill(page, 'Revoked');
}));

test('a certificate is added by hand, issued, ignored and deleted', () => story('/certificates/new', async (page) => {
  await page.getByLabel('CN / SAN Name').fill('new.example');
  await page.getByLabel('Names', { exact: true }).fill('new.example\nwww.new.example');
  await page.getByLabel('Certificate Authority').selectOption({ label: 'Local CA' });
  await button(page, 'Add certificate').click();
  await named(page, 'new.example');
  const here = new URL(page.url()).pathname;
  await button(page, 'Issue').click();
  await pill(page, 'Done');
  await go(page, here);
  await pill(page, 'Issued');
  await page.getByRole('link', { name: 'View Certificate' }).click();
  await page.getByText('www.new.example').first().waitFor();
  await page.getByRole('link', { name: 'Timeline' }).click();
  await page.getByText('key made').waitFor();
  await act(page, 'Ignore');
  await page.getByText('left inventory and workflows').waitFor();
  await act(page, 'Delete');
  await confirm(page, 'Delete', 'new.example');
  await page.getByText('new.example left the inventory').waitFor();
}));

test('+ Create a connector to a real CA, see its evidence, edit, disable, reactivate, delete', () => story('/connectors', async (page) => {
  await page.getByRole('link', { name: '+ Create' }).click();
  await page.getByRole('link', { name: 'ACME (RFC 8555)' }).click();
  await page.getByLabel('Name', { exact: false }).first().fill('Pebble');
  await page.getByLabel('ACME Directory').fill(at.directory);
  await button(page, 'Save and validate').click();
  await page.getByText('has to be agreed to').waitFor();
  await page.getByLabel(/agree to the CA/).check();
  await button(page, 'Save and validate').click();
  await pill(page, 'Draft'); // the system does not trust it
  await page.getByRole('link', { name: 'Edit', exact: true }).click();
  await page.getByText('Advanced').click();
  await page.getByLabel('Trust Anchors').fill(at.trust);
  await button(page, 'Save and validate').click();
  await pill(page, /^✓Active$/);
  await page.getByRole('link', { name: 'Evidence' }).click();
  await page.getByText('Account').first().waitFor();
  await page.getByRole('link', { name: 'Edit', exact: true }).click();
  await page.getByLabel('Contact Email').fill('pki@example.com');
  await button(page, 'Save and validate').click();
  await page.getByRole('link', { name: 'Details', exact: true }).click();
  await page.getByText('pki@example.com').waitFor();
  await pill(page, /^✓Active$/);
  await button(page, 'Select Action').click();
  assert.equal(await page.getByRole('menuitem', { name: 'Delete Template' }).getAttribute('aria-disabled'), 'true', 'an active connector is not deleted');
  await page.keyboard.press('Escape');
  await act(page, 'Disable Template');
  await pill(page, 'Inactive');
  await button(page, 'Reactivate').click();
  await pill(page, /^✓Active$/);
  await act(page, 'Disable Template');
  await pill(page, 'Inactive');
  await act(page, 'Delete Template');
  await confirm(page, 'Delete', 'Pebble');
  await page.getByText('Pebble is deleted').waitFor();
}));

test('a user is added, signs in with a one-time code, works with a token, is changed and deleted', () => story('/settings/users/new', async (page) => {
  await page.getByLabel('User Name').fill('dora');
  await page.getByRole('checkbox', { name: /^operator/ }).check();
  await page.getByLabel('Password', { exact: true }).fill('correct horse battery');
  await button(page, 'Add user').click();
  await page.getByRole('link', { name: 'dora' }).waitFor();
  await go(page, '/settings/codes');
  await page.getByLabel('User Name').fill('nobody');
  await page.keyboard.press('Enter');
  await page.getByText('there is no user nobody').waitFor();
  await page.getByLabel('User Name').fill('dora');
  await page.keyboard.press('Enter');
  const code = await page.locator('.secret code').innerText();
  await button(page, 'I have it').click();

  const hers = await open();
  await hers.page.goto(`${base}/settings/tokens`);
  await button(hers.page, 'Use a one-time code').click();
  await hers.page.getByLabel('One-time code').fill(code);
  await hers.page.keyboard.press('Enter');
  await button(hers.page, 'Make a token').first().click();
  await hers.page.getByLabel('Name', { exact: false }).last().fill('build');
  await hers.page.keyboard.press('Enter');
  const token = await hers.page.locator('.secret code').innerText();
  await button(hers.page, 'I have it').click();
  assert.equal((await hers.page.content()).includes(token), false, 'shown once');
  const status = (path) => page.evaluate(async ([p, t]) => (await fetch(p, { credentials: 'omit', headers: { Authorization: `Bearer ${t}` } })).status, [path, token]);
  assert.equal(await status('/api/v1/certificates'), 200);
  assert.equal(await status('/api/v1/users'), 403, 'an operator does not manage users');
  await hers.page.getByRole('button', { name: 'Actions for build' }).click();
  await hers.page.getByRole('menuitem', { name: 'Revoke' }).click();
  await confirm(hers.page, 'Revoke', 'build');
  await hers.page.getByText('build is revoked').waitFor();
  assert.equal(await status('/api/v1/certificates'), 401);
  await hers.done();

  await go(page, `/settings/users/${await idOf(page, 'users', '&filter=username:equals:dora')}`);
  await page.getByRole('checkbox', { name: /^operator/ }).uncheck();
  await page.getByRole('checkbox', { name: /^viewer/ }).check();
  await button(page, 'Save').click();
  await settled(page);
  await page.getByRole('button', { name: 'Actions for dora' }).click();
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  await confirm(page, 'Delete', 'dora');
  await page.getByText('dora is removed').waitFor();
}));
