// The shell: which gate or page is shown, the menu, the head line. A page is one line in PAGES; a
// menu entry is one line in MENU, with the permission it needs.
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Permission } from './api';
import { live } from './events';
import { count } from './format';
import { home } from './home';
import { Audit } from './pages/Audit';
import { Certificate, CertificateNew } from './pages/Certificate';
import { Certificates } from './pages/Certificates';
import { Connector, ConnectorNew, Connectors } from './pages/Connectors';
import { FirstRun } from './pages/FirstRun';
import { Health } from './pages/Health';
import { Home } from './pages/Home';
import { Import } from './pages/Import';
import { Issued } from './pages/Issued';
import { Job } from './pages/Job';
import { Jobs } from './pages/Jobs';
import { Key, Keys } from './pages/Keys';
import { Order, Orders } from './pages/Orders';
import { Policies, Policy, PolicyNew } from './pages/Policies';
import { Server, ServerNew, Servers } from './pages/Servers';
import { Settings, User } from './pages/Settings';
import { SignIn } from './pages/SignIn';
import { Unlock } from './pages/Unlock';
import { Link, match, navigate, usePlace } from './router';
import { loadSession, loadState, may, session, signOut, state, unreachable } from './session';
import { useStore } from './store';
import { themeItems } from './theme';
import { Empty, Head, Loading, Pill, Trouble } from './ui/bits';
import { Dialog } from './ui/dialog';
import { KeySheet } from './ui/sheet';
import { Menu } from './ui/menu';
import { Toasts } from './ui/toast';

interface Entry { to: string; text: string; needs: Permission | null; n?: string; bad?: string }
const MENU: { title: string; entries: Entry[] }[] = [
  { title: '', entries: [{ to: '/', text: 'Home', needs: null }] },
  { title: 'Certificates', entries: [
    { to: '/certificates', text: 'Provisioning Certificates', needs: 'CERT_READ', n: 'certificates', bad: 'deployment_failed' },
    { to: '/orders', text: 'Orders', needs: 'CERT_READ', n: 'orders_open' },
    { to: '/keys', text: 'Keys', needs: 'CERT_READ' },
    { to: '/policies', text: 'Policies', needs: 'POLICY_READ' }] },
  { title: 'SSL', entries: [{ to: '/ssl/certificates', text: 'Certificates', needs: 'CERT_READ' }] },
  { title: 'Targets', entries: [{ to: '/servers', text: 'Servers', needs: 'SERVER_READ', n: 'servers' }] },
  { title: 'Integrations', entries: [{ to: '/connectors', text: 'CA Connectors', needs: 'CONNECTOR_READ', n: 'connectors' }] },
  { title: 'Operations', entries: [
    { to: '/jobs', text: 'Jobs', needs: 'JOB_READ', n: 'jobs_running' },
    { to: '/audit', text: 'Audit', needs: 'AUDIT_READ' },
    { to: '/health', text: 'Health', needs: null },
    { to: '/settings', text: 'Settings', needs: null }] },
];

type Params = Record<string, string>;
const PAGES: { path: string; title: string; needs: Permission | null; show: (p: Params) => JSX.Element }[] = [
  { path: '/', title: 'Home', needs: null, show: () => <Home /> },
  { path: '/certificates', title: 'Provisioning Certificates', needs: 'CERT_READ', show: () => <Certificates /> },
  { path: '/certificates/new', title: 'Add certificate', needs: 'CERT_WRITE', show: () => <CertificateNew /> },
  { path: '/certificates/import', title: 'Import certificates', needs: 'CERT_WRITE', show: () => <Import /> },
  { path: '/certificates/:id', title: 'Certificate', needs: 'CERT_READ', show: (p) => <Certificate id={p.id!} tab="details" /> },
  { path: '/certificates/:id/:tab', title: 'Certificate', needs: 'CERT_READ', show: (p) => <Certificate id={p.id!} tab={p.tab!} /> },
  { path: '/ssl/certificates', title: 'Certificates', needs: 'CERT_READ', show: () => <Issued /> },
  { path: '/orders', title: 'Orders', needs: 'CERT_READ', show: () => <Orders /> },
  { path: '/orders/:id', title: 'Order', needs: 'CERT_READ', show: (p) => <Order id={p.id!} /> },
  { path: '/keys', title: 'Keys', needs: 'CERT_READ', show: () => <Keys /> },
  { path: '/keys/:id', title: 'Key', needs: 'CERT_READ', show: (p) => <Key id={p.id!} /> },
  { path: '/policies', title: 'Policies', needs: 'POLICY_READ', show: () => <Policies /> },
  { path: '/policies/new', title: 'Add policy', needs: 'POLICY_WRITE', show: () => <PolicyNew /> },
  { path: '/policies/:id', title: 'Policy', needs: 'POLICY_READ', show: (p) => <Policy id={p.id!} tab="details" /> },
  { path: '/policies/:id/:tab', title: 'Policy', needs: 'POLICY_READ', show: (p) => <Policy id={p.id!} tab={p.tab!} /> },
  { path: '/servers', title: 'Servers', needs: 'SERVER_READ', show: () => <Servers /> },
  { path: '/servers/new', title: 'Add Server', needs: 'SERVER_WRITE', show: () => <ServerNew /> },
  { path: '/servers/:id', title: 'Server', needs: 'SERVER_READ', show: (p) => <Server id={p.id!} tab="details" /> },
  { path: '/servers/:id/:tab', title: 'Server', needs: 'SERVER_READ', show: (p) => <Server id={p.id!} tab={p.tab!} /> },
  { path: '/connectors', title: 'CA Connectors', needs: 'CONNECTOR_READ', show: () => <Connectors /> },
  { path: '/connectors/new', title: 'Create connector', needs: 'CONNECTOR_WRITE', show: () => <ConnectorNew kind="" /> },
  { path: '/connectors/new/:kind', title: 'Create connector', needs: 'CONNECTOR_WRITE', show: (p) => <ConnectorNew kind={p.kind!} /> },
  { path: '/connectors/:id', title: 'CA Connector', needs: 'CONNECTOR_READ', show: (p) => <Connector id={p.id!} tab="details" /> },
  { path: '/connectors/:id/:tab', title: 'CA Connector', needs: 'CONNECTOR_READ', show: (p) => <Connector id={p.id!} tab={p.tab!} /> },
  { path: '/jobs', title: 'Jobs', needs: 'JOB_READ', show: () => <Jobs /> },
  { path: '/jobs/:id', title: 'Job', needs: 'JOB_READ', show: (p) => <Job id={p.id!} /> },
  { path: '/audit', title: 'Audit', needs: 'AUDIT_READ', show: () => <Audit /> },
  { path: '/health', title: 'Health', needs: null, show: () => <Health /> },
  { path: '/settings', title: 'Settings', needs: null, show: () => <Settings tab="" /> },
  { path: '/settings/:tab', title: 'Settings', needs: null, show: (p) => <Settings tab={p.tab!} /> },
  { path: '/settings/users/:id', title: 'User', needs: 'USER_ADMIN', show: (p) => <User id={p.id!} /> },
];

export function App() {
  const s = useStore(state), me = useStore(session), down = useStore(unreachable);
  const [asked, setAsked] = useState(false);
  const [opened, setOpened] = useState(false); // a page was shown: it stays under a gate
  const place = usePlace();
  const now = s?.state;
  useEffect(() => { void loadState(); }, []);
  useEffect(() => {
    if (now === 'Operational' || now === 'Degraded') void loadSession().catch(() => undefined).then(() => setAsked(true));
  }, [now]);
  useEffect(() => { if (me) setOpened(true); }, [me]);

  const page = PAGES.map((p) => ({ p, params: match(p.path, place.path) })).find((x) => x.params);
  useEffect(() => {
    document.title = `${page?.p.title ?? 'Not found'} · Certkeep`;
    document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true });
  }, [place.path]);

  if (!s) return <main class="gate">{down ? <Trouble text={down}> <button class="btn" onClick={() => void loadState()}>Try again</button></Trouble> : <Loading />}</main>;
  if (now === 'Unprovisioned') return <FirstRun />;
  const gate = now === 'Locked' ? <Unlock /> : asked && !me ? <SignIn again={opened} /> : null;
  if (!opened) return <main class="gate">{gate ?? <Loading />}</main>;
  return (
    <>
      <Shell path={place.path}>
        {!page ? <><Head title="Not found" /><Empty title="There is no such page"><p>The address may be old or mistyped.</p><Link class="btn" to="/">Go to Home</Link></Empty></>
          : me && !may(page.p.needs) ? <><Head title={page.p.title} /><Empty title="Not for your roles"><p>This page needs the permission {page.p.needs}. Somebody who manages users can give you a role that has it.</p></Empty></>
          : page.p.show(page.params!)}
      </Shell>
      {gate && <Dialog title={now === 'Locked' ? 'The appliance is locked' : 'Sign in again'} fixed onClose={() => undefined}>{gate}</Dialog>}
      <Toasts go={navigate} />
    </>
  );
}

function Shell({ path, children }: { path: string; children: ComponentChildren }) {
  const s = useStore(state), me = useStore(session);
  const [menu, setMenu] = useState(false);
  useEffect(() => setMenu(false), [path]);
  const account = [
    ...themeItems(),
    { label: 'My API tokens', run: () => navigate('/settings/tokens') },
    { label: 'Sign out', run: () => void signOut() },
  ];
  return (
    <div class="shell">
      <a class="skip" href="#main">Skip to content</a>
      <aside class="sidebar"><Nav path={path} /></aside>
      <header class="top">
        <button type="button" class="btn only-narrow" aria-expanded={menu} onClick={() => setMenu(true)}><span aria-hidden="true">☰ </span>Menu</button>
        <span class="brand only-narrow" aria-hidden="true">cert<span>keep</span></span>
        {may('CERT_READ') && <FindCert />}
        <span class="grow" />
        <Live />
        {s && s.state !== 'Operational' && <Link to="/health" class="plain-link"><Pill word={s.state} /></Link>}
        {s?.state === 'Operational' && <span class="only-wide"><Pill word="Operational" /></span>}
        <KeySheet />
        <Menu label={`Account of ${me?.user.username ?? ''}`} items={account}>{me?.user.username ?? 'signed out'} <span aria-hidden="true">▾</span></Menu>
      </header>
      <main id="main" tabIndex={-1} key={path.split('/').slice(0, 3).join('/')}>{children}</main>
      {menu && <Dialog title="Menu" side onClose={() => setMenu(false)}><Nav path={path} /></Dialog>}
    </div>
  );
}

/* Finds certificates from any page; / comes here where the page has no search of its own. */
function FindCert() {
  const [q, set] = useState('');
  const submit = (e: Event) => {
    e.preventDefault();
    if (!q.trim()) return;
    navigate(`/certificates?${new URLSearchParams({ q: q.trim() }).toString()}`);
    set('');
  };
  return (
    <form role="search" aria-label="All certificates" class="search only-wide" onSubmit={submit}>
      <input type="search" data-find value={q} placeholder="Search certificates" aria-label="Search certificates" enterkeyhint="search" onInput={(e) => set(e.currentTarget.value)} />
    </form>
  );
}

function Live() {
  const on = useStore(live);
  return <span class={`live ${on ? 'ok' : 'soft'}`} role="status"><span aria-hidden="true">{on ? '●' : '○'}</span> {on ? 'live' : 'not live'}</span>;
}

function Nav({ path }: { path: string }) {
  const h = useStore(home);
  useStore(session);
  const number = (e: Entry) => {
    const n = e.n ? h?.counts[e.n] : undefined, bad = e.bad ? h?.counts[e.bad] ?? 0 : 0;
    if (bad) return <span class="n bad">{count(bad)}<span class="sr"> failed</span><span aria-hidden="true"> !</span></span>;
    return n === undefined ? null : <span class="n">{count(n)}</span>;
  };
  return (
    <nav class="menu-list" aria-label="Main">
      <div class="brand">cert<span>keep</span></div>
      {MENU.map((g) => ({ ...g, entries: g.entries.filter((e) => may(e.needs)) })).filter((g) => g.entries.length).map((g) => (
        <div key={g.title}>
          {g.title && <h2>{g.title}</h2>}
          <ul class="plain">
            {g.entries.map((e) => (
              <li key={e.to}><Link to={e.to} aria-current={path === e.to ? 'page' : e.to !== '/' && path.startsWith(`${e.to}/`) ? 'true' : undefined}>{e.text}{number(e)}</Link></li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}
