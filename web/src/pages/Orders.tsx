// Orders at CAs: the list, and one order with its timeline.
import { useState } from 'preact/hooks';
import { api, type Order as OrderRecord } from '../api';
import { useLoad } from '../load';
import { Link, navigate } from '../router';
import { may } from '../session';
import { List } from '../table';
import { Empty, Facts, Head, Loading, Mono, Note, Pill, Trouble, When } from '../ui/bits';
import { Confirm } from '../ui/dialog';
import type { MenuItem } from '../ui/menu';
import { Timeline } from '../ui/timeline';
import { complain, say } from '../ui/toast';

const AT_CA = ['Queued', 'CSR Pending', 'Validation Pending', 'Approval Pending'];
const FINAL = ['Certificate Issued', 'Rejected', 'Cancelled', 'Failed', 'Revoked', 'Expired'];
type Asked = { what: 'cancel' | 'delete'; order: OrderRecord; reload: () => void };

function useOrderActions() {
  const [asked, ask] = useState<Asked | null>(null);
  const check = async (o: OrderRecord, reload: () => void) => {
    const { data } = await api.post('/api/v1/orders/{id}/check', { id: o.id });
    say(data.state === o.state ? `Asked the CA: still ${data.state}.` : `Asked the CA: now ${data.state}.`);
    reload();
  };
  const actions = (o: OrderRecord, reload: () => void): MenuItem[] => !may('CERT_WRITE') ? [] : [
    ...(AT_CA.includes(o.state) ? [{ label: 'Check Order Status', run: () => void check(o, reload).catch(complain) }] : []),
    ...(['Failed', 'Rejected'].includes(o.state) ? [{ label: 'Retry', run: () => void api.post('/api/v1/orders/{id}/retry', { id: o.id }).then((r) => navigate(`/jobs/${r.data.job}`), complain) }] : []),
    ...(AT_CA.includes(o.state) || o.state === 'Draft' ? [{ label: 'Cancel', run: () => ask({ what: 'cancel', order: o, reload }) }] : []),
    ...(FINAL.includes(o.state) ? [{ label: 'Delete', danger: true, run: () => ask({ what: 'delete', order: o, reload }) }] : []),
  ];
  const close = () => ask(null);
  const dialog = asked && (asked.what === 'cancel' ? (
    <Confirm title={`Cancel the order of ${asked.order.name}`} action="Cancel the order" onClose={close}
      run={async () => { await api.post('/api/v1/orders/{id}/cancel', { id: asked.order.id }); asked.reload(); }}>
      <p>The order ends here, and at the CA where the CA can be told. The certificate can be ordered again.</p>
    </Confirm>
  ) : (
    <Confirm title={`Delete the order of ${asked.order.name}`} action="Delete" danger typed={asked.order.name} onClose={close}
      run={async () => {
        await api.delete('/api/v1/orders/{id}', { id: asked.order.id });
        say('The order left the list; the certificate stays.');
        if (location.pathname.includes(asked.order.id)) navigate('/orders', true);
        else asked.reload();
      }}>
      <p>The order leaves this list. The certificate stays, and the CA is not touched.</p>
    </Confirm>
  ));
  return { actions, dialog };
}

export function Orders() {
  const { actions, dialog } = useOrderActions();
  return (
    <>
      <List table="order" title="Orders" extra={['state', 'name']} actions={(row, reload) => actions(row as unknown as OrderRecord, reload)}
        empty={<Empty title="No orders yet"><p>Each certificate asked of a CA is an order: from the request, through the CA's checks, to the certificate. Issue a certificate and its order stands here.</p><Link class="btn" to="/certificates">Go to the certificates</Link></Empty>} />
      {dialog}
    </>
  );
}

export function Order({ id }: { id: string }) {
  const order = useLoad(async () => (await api.get('/api/v1/orders/{id}', { id })).data, [id], ['order']);
  const { actions, dialog } = useOrderActions();
  const o = order.data;
  if (!o) return order.error ? <Trouble text={order.error} /> : <Loading />;
  return (
    <>
      <Head title={o.name} up={{ to: '/orders', text: 'Orders' }} pills={<Pill word={o.state} />}>
        {actions(o, () => void order.reload()).map((a, i) => <button key={a.label} type="button" class={`btn ${a.danger ? 'danger' : i === 0 ? 'primary' : ''}`} onClick={a.run}>{a.label}</button>)}
      </Head>
      {o.error && <Note tone={FINAL.includes(o.state) ? 'bad' : 'warn'}><strong>{o.category ? `${o.category}: ` : ''}</strong>{o.error}{o.remedy && <> {o.remedy}</>}{o.next_at && <> It is tried again <When at={o.next_at} />.</>}</Note>}
      <div class="pair">
        <section class="card"><h2>Order</h2>
          <Facts list={[
            ['Order ID', <Mono text={o.reference} copy />],
            ['Certificate', o.cert && <Link to={`/certificates/${o.cert}`}>{o.name}</Link>],
            ['CA Connector', o.connector && <Link to={`/connectors/${o.connector}`}>{o.connector_name}</Link>],
            ['Requested By', o.requested_by], ['Submitted', <When at={o.submitted_at} none="not yet" />], ['Issued', <When at={o.issued_at} none="not yet" />],
            o.expires_at && ['Expires On', <When at={o.expires_at} />], o.expired_at && ['Expired On', <When at={o.expired_at} />],
            ['Next check', <When at={o.next_at} none="none" />], ['Attempts', String(o.attempts)], ['Validity', `${o.validity_days} days`], ['Profile', o.profile],
            ['Job', o.job && <Link to={`/jobs/${o.job}`}>Open the job</Link>],
            o.state === 'Revoked' && ['Revoke Comments', o.revoke_comments],
          ]} />
        </section>
        <section><h2 class="sr">Timeline</h2><Timeline read={() => api.get('/api/v1/orders/{id}/timeline', { id })} records={['order']} /></section>
      </div>
      {dialog}
    </>
  );
}
