// Keys: what each is for and where it lives; never its private half. One that nothing uses can be destroyed.
import { useState } from 'preact/hooks';
import { api, type Schemas } from '../api';
import { useLoad } from '../load';
import { Link, navigate } from '../router';
import { may } from '../session';
import { List } from '../table';
import { Empty, Facts, Head, Loading, Mono, Trouble, When } from '../ui/bits';
import { Confirm } from '../ui/dialog';
import { Menu, type MenuItem } from '../ui/menu';
import { complain, say } from '../ui/toast';

type Key = Schemas['Key'];
const CUSTODY: Record<string, string> = {
  deployable: 'Made in the HSM; may leave it sealed for the one server that needs its file',
  sealed: 'Made in the HSM and kept sealed; used here only, never deployed',
  token: 'An object of the HSM token; cannot leave it',
};

function useKeyActions() {
  const [asked, ask] = useState<{ k: Key; done: () => void } | null>(null);
  const items = (k: Key, done: () => void): MenuItem[] => [
    { label: 'Open', run: () => navigate(`/keys/${k.id}`) },
    { label: 'Where used', run: () => navigate(`/certificates/${k.cert}`), why: k.cert ? undefined : 'No certificate has it' },
    { label: 'Jobs of its certificate', run: () => navigate(`/jobs?${new URLSearchParams({ filter: `cert:equals:${k.cert}` })}`), why: k.cert ? undefined : 'No certificate has it' },
    { label: 'Copy public key (SHA-256)', run: () => void navigator.clipboard.writeText(k.spki_sha256).then(() => say('Copied.'), complain) },
    ...(may('CERT_WRITE') ? [{ label: 'Destroy', danger: true, run: () => ask({ k, done }) }] : []),
  ];
  const dialog = asked && (
    <Confirm title={`Destroy the key of ${asked.k.label}`} action="Destroy" danger typed={asked.k.label} onClose={() => ask(null)}
      run={async () => {
        await api.delete('/api/v1/keys/{id}', { id: asked.k.id });
        say(`The key of ${asked.k.label} is destroyed.`);
        asked.done();
      }}>
      <p>What was made with it can never be used or renewed with it again. It is refused while its certificate uses it or a job works on that one. Servers that have the key keep their copy.</p>
    </Confirm>
  );
  return { items, dialog };
}

export function Keys() {
  const { items, dialog } = useKeyActions();
  return (
    <>
      <List table="key" title="Keys" extra={['label', 'cert', 'spki_sha256']} actions={(row, reload) => items(row as unknown as Key, reload)}
        empty={<Empty title="No keys yet"><p>Every key is made in the HSM when a certificate is issued. Its public half and its custody are shown here.</p></Empty>} />
      {dialog}
    </>
  );
}

export function Key({ id }: { id: string }) {
  const key = useLoad(async () => (await api.get('/api/v1/keys/{id}', { id })).data, [id], ['key']);
  const { items, dialog } = useKeyActions();
  const k = key.data;
  if (!k) return key.error ? <Trouble text={key.error} /> : <Loading />;
  return (
    <>
      <Head title={k.label || 'Key'} up={{ to: '/keys', text: 'Keys' }}>
        <Menu label="Select Action" items={items(k, () => navigate('/keys', true)).slice(1)}>Select Action <span aria-hidden="true">▾</span></Menu>
      </Head>
      <section class="card">
        <Facts list={[
          ['Algorithm', k.alg], ['Key Custody', <>{k.policy} <span class="soft">{CUSTODY[k.policy]}</span></>], ['Public key (SHA-256)', <Mono text={k.spki_sha256} copy />],
          ['Certificate', k.cert && <Link to={`/certificates/${k.cert}`}>Open the certificate</Link>], ['Created Date', <When at={k.created_at} />],
        ]} />
      </section>
      {dialog}
    </>
  );
}
