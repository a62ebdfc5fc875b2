// What happened to a record, newest first.
import type { Schemas } from '../api';
import { useLoad } from '../load';
import { Link } from '../router';
import { Empty, Loading, Trouble, When } from './bits';

export function Timeline({ read, records }: { read: () => Promise<{ data: Schemas['Timeline'] }>; records: string[] }) {
  const t = useLoad(async () => (await read()).data.items, [], records);
  if (!t.data) return t.error ? <Trouble text={t.error} /> : <Loading />;
  if (!t.data.length) return <Empty title="Nothing happened yet"><p>Every order, deployment and change is noted here with its time.</p></Empty>;
  return (
    <ol class="timeline plain card">
      {t.data.map((e) => (
        <li key={`${e.time}${e.text}`}>
          <When at={e.time} />
          <div><strong>{e.action}</strong> {e.text} {e.actor && <span class="soft">by {e.actor}</span>} {e.job && <Link to={`/jobs/${e.job}`}>job</Link>} {e.order && <Link to={`/orders/${e.order}`}>order</Link>}</div>
        </li>
      ))}
    </ol>
  );
}
