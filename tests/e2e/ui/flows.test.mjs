// The flows, with the keyboard: a server with its host key, a connector, a certificate from Add to
// Deployed and back, approval of a plan, users and tokens.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axe, go, idOf, lever, MOCK, open, settled, signIn, tabTo, useBrowser } from './browser.mjs';

useBrowser();

const press = (page, ...keys) => keys.reduce((p, k) => p.then(() => page.keyboard.press(k)), Promise.resolve());
const button = (page, name) => page.getByRole('button', { name, exact: true });

test('Add Server: errors beside fields, host key compared, connection tested', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page, '/servers');
  await tabTo(page, 'main a.primary');
  await press(page, 'Enter');
  await page.getByRole('heading', { name: 'Add Server' }).waitFor();
  await button(page, 'Save and test').focus();
  await press(page, 'Enter');
  await page.getByText('Description: is needed').waitFor();
  assert.ok(await page.getByLabel('Description').evaluate((e) => e === document.activeElement), 'the first wrong field has the focus');
  assert.equal(await page.getByLabel('Description').getAttribute('aria-invalid'), 'true');
  await axe(page, 'form with errors');
  await page.keyboard.type('New web');
  await tabTo(page, 'input.mono');
  await page.keyboard.type('not an address!');
  await page.getByLabel('Username').fill('deploy');
  await page.getByLabel('Login').selectOption('key');
  assert.equal(await page.getByLabel('Password', { exact: true }).count(), 0, 'a login by key asks for no password');
  await page.getByLabel('SSH Private Key').fill('-----BEGIN OPENSSH PRIVATE KEY-----');
  await press(page, 'Tab');
  await button(page, 'Save and test').click();
  await page.getByText('expected a host name or IP address').waitFor();
  assert.ok(await page.getByLabel('IP Address').evaluate((e) => e === document.activeElement), 'the field the server names has the focus');
  await page.keyboard.press('Control+A');
  await page.keyboard.type('10.1.9.9');
  await press(page, 'Enter');
  await page.getByRole('heading', { name: 'Compare the host key' }).waitFor();
  await page.getByText(/Compare the offered key and approve it/).first().waitFor();
  await axe(page, 'host key');
  const approve = button(page, 'Approve what I compared');
  assert.equal(await approve.getAttribute('aria-disabled'), 'true');
  await page.getByRole('checkbox', { name: /^I compared/ }).focus();
  await press(page, 'Space');
  await tabTo(page, '.primary:not([aria-disabled=true])');
  await approve.focus();
  await press(page, 'Enter');
  await page.locator('.head .pill', { hasText: 'Active' }).waitFor();
  await page.getByRole('link', { name: 'Edit' }).click();
  await page.getByText('kept in the HSM').first().waitFor();
  assert.equal(await page.content().then((h) => h.includes('BEGIN OPENSSH')), false, 'a stored secret is never shown');
  await done();
});

test('a server is tested before it is saved: steps, host key, endpoints, and nothing stored', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page, '/servers/new');
  const before = await page.evaluate(async () => (await (await fetch('/api/v1/servers?limit=1')).json()).total);
  await button(page, 'Test before saving').click();
  await page.getByText('Description: is needed').waitFor();
  await page.getByLabel('Description').fill('Tried first');
  await page.getByLabel('IP Address').fill('10.1.9.8');
  await page.getByLabel('Username').fill('deploy');
  await page.getByLabel('Password', { exact: true }).fill('a password that is sent once');
  await button(page, 'Test before saving').focus();
  await press(page, 'Enter');
  const card = page.getByRole('region', { name: 'Connection test' });
  await card.locator('[aria-current=step]').first().waitFor(); // steps are shown as they happen
  await page.getByRole('heading', { name: 'Compare the host key' }).waitFor();
  assert.match(await card.getByRole('listitem').nth(1).innerText(), /Host key\s+failed[\s\S]*not known yet/);
  await axe(page, 'test stopped at the host key');
  await page.getByRole('checkbox', { name: /^I compared/ }).focus();
  await press(page, 'Space');
  await button(page, 'Use what I compared').click();
  await card.getByText('blog.example').first().waitFor();
  assert.equal(await card.getByRole('list', { name: 'Steps' }).getByRole('listitem').filter({ hasText: 'done' }).count(), 8);
  await card.getByText('certificate and key are in one file').waitFor();
  await axe(page, 'test passed');
  assert.equal(await page.evaluate(async () => (await (await fetch('/api/v1/servers?limit=1')).json()).total), before, 'nothing is stored');
  assert.equal(await page.getByLabel('Username').inputValue(), 'deploy', 'what was typed stays');
  await page.getByLabel('Username').fill('wrong');
  await button(page, 'Test before saving').click();
  await card.getByText('Authentication failed').first().waitFor();
  assert.match(await card.getByRole('listitem').filter({ hasText: 'Authentication failed' }).innerText(), /^\W*Login/);
  await page.getByLabel('Username').fill('deploy');
  await button(page, 'Save and test').click();
  await page.locator('.head .pill', { hasText: 'Active' }).waitFor();
  await page.locator('.facts').getByText('SHA256:').first().waitFor(); // pinned with the save
  await go(page, (await page.evaluate(() => location.pathname)) + '/edit');
  await page.getByLabel('Username').fill('wrong');
  await button(page, 'Test before saving').click();
  await card.getByText('Authentication failed').first().waitFor();
  await page.getByLabel('Username').fill('deploy');
  await done();
});

test('a record changed by somebody else: nothing typed is lost', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page);
  const id = await idOf(page, 'servers', '&filter=state:equals:Active');
  await go(page, `/servers/${id}/edit`);
  await page.getByLabel('Group').fill('mine');
  await lever({ touch: 'server', id });
  await button(page, 'Save').click();
  await page.getByText('somebody saved it after you opened it').waitFor();
  await page.getByRole('button', { name: /keep what I typed/ }).click();
  assert.equal(await page.getByLabel('Group').inputValue(), 'mine');
  await button(page, 'Save').click();
  await page.getByText('Saved.').waitFor();
  await done();
});

test('an emSign connector: its form with help, made and validated', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page, '/connectors/new');
  await page.getByRole('link', { name: 'emSign' }).click();
  await page.getByRole('heading', { name: 'Create emSign connector' }).waitFor();
  await page.getByText('Integration, REST APIs, Add').waitFor();
  await button(page, 'Save and validate').click();
  await page.getByText('emSign API Base URL: is needed').waitFor();
  await axe(page, 'emSign form with errors');
  const typed = { Name: 'emSign sandbox', 'emSign API Base URL': 'https://sandbox.emsign.example/emSignHub-API', 'emSign Account Number': '1234567890', 'emSign AccessKey': 'a key', 'Full Name': 'A Person', Email: 'person@example.com', 'Phone Country Code': '91', 'Phone Number': '9000000000' };
  for (const [label, value] of Object.entries(typed)) await page.getByRole('textbox', { name: label }).or(page.getByLabel(label)).first().fill(value);
  assert.equal(await page.getByLabel('emSign AccessKey').first().getAttribute('type'), 'password');
  await button(page, 'Save and validate').click();
  await page.locator('.head .pill', { hasText: 'Active' }).waitFor();
  await page.getByText('kept in the HSM').first().waitFor();
  assert.equal(await page.getByText('a key', { exact: true }).count(), 0, 'the key does not come back');
  await done();
});

test('connectors are listed by type', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page, '/connectors');
  await page.getByRole('navigation', { name: 'Types of connector' }).getByRole('link', { name: 'ACME (RFC 8555)' }).click();
  await page.getByRole('link', { name: 'Staging ACME' }).first().waitFor();
  assert.equal(await page.getByRole('link', { name: 'Local CA', exact: true }).and(page.locator('table a')).count(), 0, 'only those of the type');
  for (const head of ['Name', 'Base URL', 'Status']) await page.getByRole('columnheader', { name: head }).first().waitFor();
  await axe(page, 'connectors of a type');
  await done();
});

test('+ Create a connector, see its check, edit, disable, reactivate, delete', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page, '/connectors');
  await page.getByRole('link', { name: '+ Create' }).click();
  await page.getByRole('link', { name: 'ACME (RFC 8555)' }).click();
  await page.getByLabel('Name', { exact: false }).first().fill('New CA');
  await page.getByLabel('ACME Directory').fill('https://acme2.example/directory');
  await button(page, 'Save and validate').click();
  await page.getByText('has to be agreed to').waitFor();
  await page.getByLabel(/agree to the CA/).check();
  await button(page, 'Save and validate').click();
  await page.locator('.head .pill', { hasText: 'Active' }).waitFor();
  await page.getByRole('link', { name: 'Evidence' }).click();
  await page.getByText('Account').first().waitFor();
  const act = async (name) => {
    await button(page, 'Select Action').click();
    await page.getByRole('menuitem', { name }).click();
  };
  await button(page, 'Select Action').click();
  assert.equal(await page.getByRole('menuitem', { name: 'Delete Template' }).getAttribute('aria-disabled'), 'true', 'an active connector is not deleted');
  await press(page, 'Escape');
  await act('Disable Template');
  await page.locator('.head .pill', { hasText: 'Inactive' }).waitFor();
  await button(page, 'Reactivate').click();
  await page.locator('.head .pill', { hasText: /^✓Active$/ }).waitFor();
  await act('Disable Template');
  await page.locator('.head .pill', { hasText: 'Inactive' }).waitFor();
  await act('Delete Template');
  const confirm = page.getByRole('dialog').getByRole('button', { name: 'Delete' });
  assert.equal(await confirm.getAttribute('aria-disabled'), 'true');
  await page.getByLabel(/to go on/).fill('New CA');
  await press(page, 'Enter');
  await page.getByText('New CA is deleted').waitFor();
  await page.getByRole('heading', { name: 'CA Connectors' }).waitFor();
  await done();
});

test('a certificate: add, issue, deploy with a live log, dry run, roll back, revoke, delete', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page, '/certificates/new');
  await page.getByLabel('CN / SAN Name').fill('new.example');
  await page.getByLabel('Names', { exact: true }).fill('new.example\nwww.new.example');
  await page.getByLabel('Certificate Authority').selectOption({ label: 'Local CA' });
  assert.equal(await page.getByLabel('Certificate Authority').locator('option', { hasText: 'Staging' }).count(), 0, 'only active connectors are offered');
  await page.getByLabel('Server', { exact: true }).selectOption({ label: 'Production web 3' });
  await button(page, 'Add certificate').click();
  await page.getByRole('heading', { name: 'new.example' }).waitFor();
  const back = async () => {
    await page.locator('.facts').getByRole('link', { name: 'Open' }).first().click();
    await page.getByRole('heading', { name: 'new.example', exact: true }).waitFor();
    await settled(page);
  };
  const finished = (state) => page.locator('.head .pill', { hasText: state }).waitFor();
  await button(page, 'Issue').focus();
  await press(page, 'Enter');
  await finished('Done');
  await back();
  await button(page, 'Deploy').click();
  await page.locator('.log').getByText('verify').first().waitFor();
  await finished('Done');
  await page.reload();
  await finished('Done');
  assert.match(await page.locator('.log').innerText(), /commit/);
  await button(page, 'Copy report').click();
  await page.getByText('Copied.').waitFor();
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /Verify: done/);
  await back();
  await button(page, 'Dry run').click();
  await finished('No Change');
  await back();
  await page.getByRole('link', { name: 'View Certificate' }).click();
  await page.getByText('Subject Alternative Name').waitFor();
  const act = async (name) => {
    await button(page, 'Select Action').focus();
    await press(page, 'Enter');
    await page.getByRole('menuitem', { name }).focus();
    await press(page, 'Enter');
  };
  await act('Roll back');
  await page.getByRole('dialog').getByRole('button', { name: 'Roll back' }).click();
  await finished('Done');
  await back();
  await page.locator('.head .pill', { hasText: 'Rolled Back' }).waitFor();
  await act('Revoke');
  const revoke = page.getByRole('dialog').getByRole('button', { name: 'Revoke' });
  await page.getByLabel(/to go on/).fill('new.example');
  assert.equal(await revoke.getAttribute('aria-disabled'), 'true', 'a reason is needed');
  await page.getByLabel('Reason').selectOption({ label: 'Superseded' });
  await page.getByLabel('Comments').fill('test');
  await revoke.click();
  await finished('Done');
  await back();
  await page.locator('.head .pill', { hasText: 'Revoked' }).waitFor();
  await act('Ignore');
  await page.getByText('left inventory and workflows').waitFor();
  await act('Delete');
  await page.getByLabel(/to go on/).fill('new.example');
  await press(page, 'Enter');
  await page.getByText('new.example left the inventory').waitFor();
  await done();
});

/* What another user of the stand-in does meanwhile. */
const send = (page, method, path, body) => page.evaluate(([m, p, b]) => fetch(`/api/v1${p}`, {
  method: m, body: b && JSON.stringify(b), headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': 'csrf-of-the-mock' },
}).then((r) => r.json()), [method, path, body]);

test('a failed certificate is retried from its row and is pending at once', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page, '/certificates?filter=readiness:equals:Deployment%20Failed');
  const id = await idOf(page, 'certificates', '&filter=readiness:equals:Deployment%20Failed');
  await send(page, 'PATCH', `/certificates/${id}`, { approval: 'manual' }); // so that it stays pending until it was seen
  await page.getByRole('button', { name: /^Actions for/ }).first().click();
  await page.getByRole('menuitem', { name: 'Retry' }).focus();
  await press(page, 'Enter');
  await page.locator('.head .pill', { hasText: 'Needs Approval' }).waitFor();
  await page.locator('.facts').getByRole('link', { name: 'Open' }).first().click();
  await page.getByText('is to be repeated').waitFor();
  await send(page, 'POST', `/jobs/${(await send(page, 'GET', `/certificates/${id}`)).job}/approve`);
  await page.locator('.head .pill', { hasText: 'Deployed' }).waitFor();
  assert.equal(await button(page, 'Retry').count(), 0, 'nothing is left to retry');
  assert.ok(page.url().endsWith(id));
  await done();
});

test('a plan is reviewed and approved from Home; another job is cancelled', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page);
  await page.getByRole('link', { name: /^Review plan/ }).first().focus();
  await press(page, 'Enter');
  await page.getByText('The plan waits for approval').waitFor();
  await page.getByText('+ leaf').waitFor();
  await button(page, 'Approve').focus();
  await press(page, 'Enter');
  await page.locator('.head .pill', { hasText: 'Done' }).waitFor();
  const id = await idOf(page, 'jobs', '&filter=state:equals:Running');
  await go(page, `/jobs/${id}`);
  await button(page, 'Cancel').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the job' }).click();
  await page.getByText('stopping at its next safe point').waitFor();
  const failed = await idOf(page, 'jobs', '&filter=state:equals:Failed');
  await go(page, `/jobs/${failed}`);
  await page.getByText('What to do:').waitFor();
  await button(page, 'Retry from here').click();
  await page.locator('.head .pill', { hasText: 'Done' }).waitFor();
  await done();
});

test('an order is checked and cancelled', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page);
  const id = await idOf(page, 'orders', '&filter=state:equals:Validation%20Pending');
  await go(page, `/orders/${id}`);
  await button(page, 'Check Order Status').click();
  await page.getByText('still Validation Pending').waitFor();
  await button(page, 'Cancel').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the order' }).click();
  await page.locator('.head .pill', { hasText: 'Cancelled' }).waitFor();
  await done();
});

test('users, API tokens and one-time codes', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page, '/settings/users/new');
  await page.getByLabel('User Name').fill('dora');
  await page.getByRole('checkbox', { name: /^operator/ }).check();
  await page.getByLabel('Password', { exact: true }).fill('correct horse battery');
  await button(page, 'Add user').click();
  await page.getByRole('link', { name: 'dora' }).waitFor();
  await go(page, '/settings/tokens');
  await button(page, 'Make a token').click();
  await page.getByLabel('Name', { exact: false }).last().fill('build');
  await press(page, 'Enter');
  const token = await page.locator('.secret code').innerText();
  assert.match(token, /^ck_/);
  await axe(page, 'token shown once');
  await button(page, 'I have it').click();
  assert.equal((await page.content()).includes(token), false, 'shown once');
  await page.getByRole('button', { name: 'Actions for build' }).click();
  await page.getByRole('menuitem', { name: 'Revoke' }).click();
  await page.getByLabel(/to go on/).fill('build');
  await press(page, 'Enter');
  await page.getByText('build is revoked').waitFor();
  await go(page, '/settings/codes');
  await page.getByLabel('User Name').fill('nobody');
  await press(page, 'Enter');
  await page.getByText('there is no user nobody').waitFor();
  await page.getByLabel('User Name').fill('alice');
  await press(page, 'Enter');
  await page.locator('.secret code').waitFor();
  await done();
});

test('tooltips come on focus, stay under the pointer, go with Escape', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page);
  await tabTo(page, '.info-dot');
  await page.getByRole('tooltip').waitFor();
  await press(page, 'Escape');
  assert.equal(await page.getByRole('tooltip').count(), 0);
  await page.locator('.info-dot').nth(2).hover();
  await page.getByRole('tooltip').hover();
  assert.equal(await page.getByRole('tooltip').count(), 1);
  await done();
});

test('a policy: added by the keyboard, heeded in a form, and what it refuses', MOCK, async () => {
  const { page, done } = await open();
  await signIn(page, '/policies');
  await tabTo(page, 'main a.primary');
  await press(page, 'Enter');
  await page.getByRole('heading', { name: 'Add policy' }).waitFor();
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Short lived');
  await page.getByLabel('For Tags').fill('team=web');
  await page.getByLabel('Longest Validity', { exact: true }).fill('30');
  await page.getByRole('group', { name: 'Allowed Connectors' }).getByText('Local CA').click();
  await page.getByRole('group', { name: 'Allowed Key Algorithms' }).getByText('p-256').click();
  await page.getByLabel('Plan Approval').selectOption('four eyes');
  await button(page, 'Add policy').click();
  await page.getByRole('heading', { name: 'Short lived' }).waitFor();
  await page.locator('dd', { hasText: '30 days' }).waitFor();
  await page.locator('dd', { hasText: 'Local CA' }).waitFor();
  assert.ok(await button(page, 'Delete').isVisible(), 'a policy of one\'s own can be deleted');
  // The form of a certificate says what it allows while it is filled in.
  await go(page, '/certificates/new');
  await page.getByLabel('Tags').fill('team=web');
  const help = page.getByRole('status', { name: 'Policy' });
  await help.getByText('Validity: 47 days; policy Short lived allows at most 30, choose 30 or fewer').waitFor();
  await page.getByLabel('Validity', { exact: true }).fill('30');
  await help.getByText(/^The policies allow this\. Default, Short lived: at most 30 days; keys p-256; .*a second person approves the plan/).waitFor();
  await axe(page, 'policy help');
  await page.getByLabel('Tags').fill('');
  await page.getByLabel('Validity', { exact: true }).fill('47');
  await help.getByText(/^The policies allow this\. Default: at most 825 days/).waitFor();
  // What a policy refuses is a list of certificates; a built-in one cannot be deleted.
  await go(page, `/policies/${await idOf(page, 'policies', '&q=Production')}/refused`);
  await page.getByRole('link', { name: /example/ }).first().waitFor();
  assert.equal(await page.locator('tbody tr').count(), 6);
  await go(page, `/policies/${await idOf(page, 'policies', '&q=Default')}`);
  await page.getByText('Built in').waitFor();
  assert.equal(await button(page, 'Delete').count(), 0);
  await done();
});
