// SSL, Certificates: what CAs issued through this appliance and it fetched, as an inventory. The
// entry that deploys and renews each is its page in Provisioning Certificates.
import type { Cert } from '../api';
import { Link, navigate } from '../router';
import { may } from '../session';
import { List } from '../table';
import { Empty } from '../ui/bits';
import type { MenuItem } from '../ui/menu';
import { useCertActions } from './cert-actions';

/* An order of ours, and a certificate that came of it: discovered and imported ones have no order. */
const FIXED = ['order:not:', 'serial:not:'];
const COLUMNS = ['name', 'issuer', 'serial', 'order_reference', 'not_before', 'not_after', 'key_policy', 'status', 'revoked'];

export function Issued() {
  const { ask, dialog } = useCertActions();
  const items = (c: Cert, reload: () => void): MenuItem[] => [
    { label: 'View Certificate', run: () => navigate(`/certificates/${c.id}/decoded`) },
    { label: 'Download Certificate', run: () => ask({ what: 'download', cert: c, reload }) },
    { label: 'Open provisioning entry', run: () => navigate(`/certificates/${c.id}`) },
    { label: 'Open order', run: () => navigate(`/orders/${c.order}`) },
    { label: 'Timeline', run: () => navigate(`/certificates/${c.id}/timeline`) },
    ...(may('CERT_WRITE') ? [{ label: 'Revoke', danger: true, run: () => ask({ what: 'revoke', cert: c, reload }), why: c.revoked ? 'It is revoked' : undefined }] : []),
  ];
  return (
    <>
      <List table="cert" title="Certificates" fixed={FIXED} first={COLUMNS} extra={['order', 'revoked', 'status', 'name', 'serial']}
        actions={(row, reload) => items(row as unknown as Cert, reload)}
        empty={
          <Empty title="No certificate was issued yet">
            <p>Each certificate that a CA issues through this appliance stands here with its serial number, its order, its validity and where its key is. Discovered and imported ones stand in Provisioning Certificates.</p>
            <Link class="btn" to="/certificates">Provisioning Certificates</Link>
          </Empty>
        } />
      {dialog}
    </>
  );
}
