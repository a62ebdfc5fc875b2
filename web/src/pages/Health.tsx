// Health: each part of the appliance with its state, since when, and what to do.
import { api, type Permission } from '../api';
import { clock } from '../format';
import { useLoad } from '../load';
import { Link } from '../router';
import { may } from '../session';
import { Head, Loading, Pill, Trouble, When } from '../ui/bits';
import { useEffect } from 'preact/hooks';

const EVERY_MS = 10000;
/* The lists behind what a part counts. */
const LISTS: Record<string, [to: string, text: string, needs: Permission][]> = {
  hsm: [['/keys', 'Keys', 'CERT_READ']],
  store: [['/certificates', 'Certificates', 'CERT_READ'], ['/jobs', 'Jobs', 'JOB_READ']],
  audit: [['/audit', 'Audit', 'AUDIT_READ']],
  ca: [['/orders', 'Orders', 'CERT_READ'], ['/connectors', 'CA Connectors', 'CONNECTOR_READ']],
};

export function Health() {
  const h = useLoad(async () => (await api.get('/api/v1/health')).data, []);
  useEffect(() => {
    const t = setInterval(() => { if (!document.hidden) void h.reload(); }, EVERY_MS);
    return () => clearInterval(t);
  }, [h.reload]);
  if (!h.data) return h.error ? <Trouble text={h.error} /> : <Loading />;
  return (
    <>
      <Head title="Health" pills={<Pill word={h.data.state} />}><span class="soft small">as of {clock(h.data.as_of, true)}</span></Head>
      <Trouble text={h.error} />
      <ul class="plain health">
        {h.data.parts.map((p) => (
          <li key={p.name} class="card">
            <div class="bar"><h2>{p.title}</h2><Pill word={p.state} /><span class="grow" /><span class="soft">since <When at={p.since} /></span></div>
            <p>{p.detail}</p>
            {LISTS[p.name]?.some(([, , needs]) => may(needs)) && <p class="bar">{LISTS[p.name]!.filter(([, , needs]) => may(needs)).map(([to, text]) => <Link key={to} to={to}>{text}</Link>)}</p>}
            {p.remedy && <p><strong>What to do:</strong> {p.remedy}</p>}
          </li>
        ))}
      </ul>
    </>
  );
}
