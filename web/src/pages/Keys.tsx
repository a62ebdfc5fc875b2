// Keys: what each is for and where it lives; never its private half.
import { api } from '../api';
import { useLoad } from '../load';
import { Link } from '../router';
import { List } from '../table';
import { Empty, Facts, Head, Loading, Mono, Trouble, When } from '../ui/bits';

const CUSTODY: Record<string, string> = {
  deployable: 'Made in the HSM; may leave it sealed for the one server that needs its file',
  sealed: 'Made in the HSM and kept sealed; used here only, never deployed',
  token: 'An object of the HSM token; cannot leave it',
};

export function Keys() {
  return <List table="key" title="Keys" empty={<Empty title="No keys yet"><p>Every key is made in the HSM when a certificate is issued. Its public half and its custody are shown here.</p></Empty>} />;
}

export function Key({ id }: { id: string }) {
  const key = useLoad(async () => (await api.get('/api/v1/keys/{id}', { id })).data, [id], ['key']);
  const k = key.data;
  if (!k) return key.error ? <Trouble text={key.error} /> : <Loading />;
  return (
    <>
      <Head title={k.label || 'Key'} up={{ to: '/keys', text: 'Keys' }} />
      <section class="card">
        <Facts list={[
          ['Algorithm', k.alg], ['Key Custody', <>{k.policy} <span class="soft">{CUSTODY[k.policy]}</span></>], ['Public key (SHA-256)', <Mono text={k.spki_sha256} copy />],
          ['Certificate', k.cert && <Link to={`/certificates/${k.cert}`}>Open the certificate</Link>], ['Created Date', <When at={k.created_at} />],
        ]} />
      </section>
    </>
  );
}
