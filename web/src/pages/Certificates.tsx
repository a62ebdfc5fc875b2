// Provisioning Certificates: the list, its row actions and its bulk actions.
import { useState } from 'preact/hooks';
import type { Cert } from '../api';
import { List } from '../table';
import { Link } from '../router';
import { may } from '../session';
import { Empty } from '../ui/bits';
import { useCertActions } from './cert-actions';
import { BatchDialog, type BatchAction } from './cert-batch';

interface Asked { action: BatchAction; ids: string[]; done: () => void }

export function Certificates() {
  const { items, dialog } = useCertActions();
  const [asked, ask] = useState<Asked | null>(null);
  const write = may('CERT_WRITE');
  const bulk = (label: string, action: BatchAction) => ({ label, run: (ids: string[], done: () => void) => ask({ action, ids, done }) });
  return (
    <>
      <List table="cert" title="Provisioning Certificates" extra={['not_before', 'ignored', 'revoked', 'status', 'fingerprint', 'failure_cause']}
        actions={(row, reload) => items(row as unknown as Cert, reload)}
        {...(write ? { bulk: [bulk('Configure', 'configure'), bulk('Renew', 'renew'), bulk('Deploy', 'deploy'), bulk('Tag', 'tag'), bulk('Ignore', 'ignore')] } : {})}
        empty={
          <Empty title="No certificates yet">
            <p>Here stands every certificate this appliance issues, deploys and renews. Add the first by name; its CA, its server and its files are chosen in Configure.</p>
            {write && <Link class="btn primary" to="/certificates/new">Add certificate</Link>}
          </Empty>
        }>
        {write && <Link class="btn" to="/certificates/import">Import</Link>}
        {write && <Link class="btn primary" to="/certificates/new">Add certificate</Link>}
      </List>
      {dialog}
      {asked && <BatchDialog {...asked} onClose={() => ask(null)} />}
    </>
  );
}
