// Home answers: what breaks next, what failed, what needs me. Each row is one click from its remedy.
import type { Permission, Schemas } from '../api';
import { clock, count } from '../format';
import { home, homeError, loadHome } from '../home';
import { pageOf } from '../records';
import { Link } from '../router';
import { may } from '../session';
import { useStore } from '../store';
import { Empty, Head, Loading, Trouble, useTick, When } from '../ui/bits';
import { Tip } from '../ui/tip';

type Row = Schemas['HomeRow'];
const REMEDY: Record<string, string> = { approve: 'Review plan', 'host-key': 'Compare', connector: 'Open connector' };

interface CardProps { title: string; tone: string; rows: Row[]; what: string; total: number; none: string; all: { to: string; text: string } }

function Card({ title, tone, rows, what, total, none, all }: CardProps) {
  return (
    <section class="card" aria-label={title}>
      <h2>{title}</h2>
      <p class={`big ${total ? tone : 'ok'}`}>{count(total)} <span>{what}</span></p>
      {rows.length === 0 && <p class="soft">{none}</p>}
      <ul class="plain rows">
        {rows.map((r) => (
          <li key={`${r.record}${r.id}`}>
            <div class="grow">
              <Link to={pageOf(r.record, r.id)}>{r.title}</Link>
              <span class={r.severity ?? 'soft'}> {r.text}</span>
            </div>
            {REMEDY[r.what] ? <Link class="btn small" to={pageOf(r.record, r.id)} aria-label={`${REMEDY[r.what]}: ${r.title}`}>{REMEDY[r.what]}</Link> : r.at && <When at={r.at} />}
          </li>
        ))}
      </ul>
      {total > rows.length && <Link to={all.to} class="more">{all.text}</Link>}
    </section>
  );
}

const f = (...filters: string[]) => `?${new URLSearchParams(filters.map((x) => ['filter', x])).toString()}`;
const TILES: { n: string; text: string; tip: string; to: string; tone?: string; needs?: Permission }[] = [
  { n: 'certificates', text: 'Total Certs', tip: 'All certificates available for provisioning.', to: '/certificates' },
  { n: 'bot_unassigned', text: 'Bot Unassigned', tip: 'Ready, but no bot deploys them. Choose a bot in Configure.', to: `/certificates${f('readiness:equals:Bot Unassigned')}`, tone: 'warn' },
  { n: 'configuration_pending', text: 'Configuration Pending', tip: 'A server, file or binding is missing. Complete Configure.', to: `/certificates${f('readiness:equals:Configuration Pending')}`, tone: 'warn' },
  { n: 'deployment_pending', text: 'Deployment Pending', tip: 'Fully configured and queued: installed as planned.', to: `/certificates${f('readiness:equals:Deployment Pending')}` },
  { n: 'deployment_failed', text: 'Deployment Failed', tip: 'The last installation failed: permission, connectivity or an incompatible format. Open one to see which, and what to do.', to: `/certificates${f('readiness:equals:Deployment Failed')}`, tone: 'bad' },
  { n: 'expiring_30d', text: 'Expire in 30 days', tip: 'End within 30 days. Those with automatic renewal are renewed before.', to: `/certificates${f('expires_within:below:30', 'expires_within:above:-1')}`, tone: 'warn' },
  { n: 'servers', text: 'Servers Total', tip: 'All servers added.', to: '/servers' },
  { n: 'active_servers', text: 'Active Servers', tip: 'The last check passed: ready to deploy to.', to: `/servers${f('state:equals:Active')}` },
  { n: 'orders_open', text: 'Open orders', tip: 'Sent to a CA, or waiting to be sent.', to: `/orders${f('state:in:Queued|CSR Pending|Validation Pending|Approval Pending')}` },
  { n: 'jobs_running', text: 'Jobs running', tip: 'Work under way now: issues, deployments, checks.', to: `/jobs${f('state:equals:Running')}` },
  { n: 'jobs_waiting', text: 'Jobs waiting', tip: 'Wait for their time, for a CA or server to answer, or for the approval of a person.', to: `/jobs${f('state:in:Waiting|Needs Approval')}` },
  { n: 'jobs_failed', text: 'Jobs failed', tip: 'Ended without what they were for. Open one to see the step, the cause and what to do.', to: `/jobs${f('state:in:Failed|Rolled Back')}`, tone: 'bad' },
  { n: 'keys', text: 'Keys', tip: 'Keys of certificates made in the HSM, with their custody.', to: '/keys' },
  { n: 'audit', text: 'Audit records', tip: 'Every action with who, when, what and its result; chained and signed.', to: '/audit', needs: 'AUDIT_READ' },
];

export function Home() {
  const h = useStore(home), error = useStore(homeError);
  useTick(30000);
  if (!h) return error ? <Trouble text={error}> <button class="btn" onClick={() => void loadHome()}>Try again</button></Trouble> : <Loading />;
  const n = (name: string) => h.counts[name] ?? 0;
  const fresh = n('certificates') === 0 && n('servers') === 0;
  return (
    <>
      <Head title="Home"><span class="soft small">as of {clock(h.as_of, true)}</span></Head>
      {fresh && <Start />}
      <div class="triad">
        <Card title="Breaks next" tone="warn" rows={h.breaks_next} total={Math.max(n('expiring_7d') + n('expired'), h.breaks_next.length)} what="expire within 7 days"
          none="No certificate ends within 7 days." all={{ to: `/certificates${f('expires_within:below:7')}`, text: 'See all of them' }} />
        <Card title="Failed" tone="bad" rows={h.failed} total={Math.max(n('deployment_failed'), h.failed.length)} what="to look at"
          none="Nothing failed." all={{ to: `/jobs${f('state:in:Failed|Rolled Back')}`, text: 'See all failed jobs' }} />
        <Card title="Needs you" tone="info" rows={h.needs_me} total={h.needs_me.length} what="approvals and answers"
          none="Nobody waits for you." all={{ to: '/jobs', text: 'See all jobs' }} />
      </div>
      <section class="card" aria-label="Readiness">
        <h2>Provisioning Configuration Summary</h2>
        <ul class="tiles plain">
          {TILES.filter((t) => !t.needs || may(t.needs)).map((t) => (
            <li key={t.n}>
              <Link to={t.to}><b class={t.tone && n(t.n) ? t.tone : ''}>{count(n(t.n))}</b><span>{t.text}</span></Link>
              <Tip text={t.tip} class="info-dot"><span aria-hidden="true">i</span><span class="sr">What {t.text} means</span></Tip>
            </li>
          ))}
        </ul>
      </section>
    </>
  );
}

function Start() {
  const steps = [
    { to: '/connectors', text: 'See that a CA Connector is Active', why: 'The local CA was made at setup; others are created there.', ok: may('CONNECTOR_READ') },
    { to: '/servers/new', text: 'Add a server', why: 'Where certificates are deployed to, over SSH, without an agent.', ok: may('SERVER_WRITE') },
    { to: '/certificates/new', text: 'Add a certificate', why: 'Name it, choose its CA and its server, and issue it.', ok: may('CERT_WRITE') },
  ];
  return (
    <Empty title="Three steps to the first deployment">
      <ol class="start">{steps.map((s) => <li key={s.to}>{s.ok ? <Link to={s.to}>{s.text}</Link> : s.text} <span class="soft">{s.why}</span></li>)}</ol>
    </Empty>
  );
}
