// TLS identity: the certificate the UI serves, a request for another CA, its answer, a new one of the local CA.
import { useState } from 'preact/hooks';
import { api, detailOf, type Schemas } from '../api';
import { Form } from '../form';
import { useLoad } from '../load';
import { Copy, Facts, Head, Life, Loading, Mono, Note, Pill, Trouble, When } from '../ui/bits';
import { Confirm } from '../ui/dialog';
import { say } from '../ui/toast';

const NAMES: Schemas['Field'] = { name: 'names', label: 'Names', kind: 'list', required: false, max: 253, help: 'Host names and addresses the UI is reached by', example: 'certkeep.corp.example' };
const CHAIN: Schemas['Field'] = { name: 'chain', label: 'Certificate and its CAs', kind: 'lines', required: true, max: 65536, help: 'PEM, in any order, without a private key' };

export function Identity() {
  const identity = useLoad(async () => (await api.get('/api/v1/system/identity')).data, []);
  const [csr, made] = useState('');
  const [renewing, renew] = useState(false);
  if (!identity.data) return <><Head title="TLS identity" />{identity.error ? <Trouble text={identity.error} /> : <Loading />}</>;
  const i = identity.data, leaf = i.certificates[0];
  return (
    <>
      <Head title="TLS identity" pills={<Pill word={i.imported ? 'Imported' : 'Local CA'} as="info" />} />
      {i.warnings.map((w) => <Note key={w} tone="warn">{w}</Note>)}
      <section class="card">
        <h2>Served now</h2>
        {leaf && (
          <>
            <Life from={leaf.not_before} to={leaf.not_after} />
            <Facts list={[
              ['Subject', <Mono key="s" text={leaf.subject} />], ['Issuer', <Mono key="i" text={leaf.issuer} />],
              ['Names', leaf.names.map((n) => <div key={n}><Mono text={n} /></div>)],
              ['Ends', <When key="e" at={leaf.not_after} />],
              [i.imported ? 'The local CA takes over' : 'Renewed by itself', <When key="r" at={i.renew_at} />],
              ['SHA-256', <Mono key="f" text={leaf.fingerprint} copy />],
              i.certificates.length > 1 && ['CAs served with it', i.certificates.slice(1).map((c) => <div key={c.fingerprint}><Mono text={c.subject} /></div>)],
            ]} />
          </>
        )}
        <div class="bar"><button type="button" class="btn" onClick={() => renew(true)}>Issue anew by the local CA</button></div>
      </section>
      <section class="card">
        <h2>Request for another CA</h2>
        <p class="soft">The key is made in the HSM and stays there; only the request leaves.</p>
        <Form fields={[NAMES]} record={{ names: i.names }} action="Make a request"
          save={async (body) => {
            made((await api.post('/api/v1/system/identity/request', { body: body as Schemas['IdentityNames'] })).data.csr);
            await identity.reload();
          }} />
        {csr && <div class="stack"><pre class="mono wrap">{csr}</pre><div class="bar"><Copy text={csr} label="Copy the request" /></div></div>}
      </section>
      <section class="card">
        <h2>Import its answer</h2>
        <Form fields={[CHAIN]} action="Serve this certificate"
          save={async (body) => {
            identity.set((await api.post('/api/v1/system/identity/import', { body: body as Schemas['IdentityChain'] })).data);
            say('New connections are served this certificate.');
          }} />
      </section>
      {renewing && (
        <Confirm title="Issue anew by the local CA" action="Issue" onClose={() => renew(false)}
          run={async () => {
            try {
              identity.set((await api.post('/api/v1/system/identity/renew', { body: {} })).data);
              say('New connections are served the new certificate.');
            } catch (e) {
              throw new Error(detailOf(e));
            }
          }}>
          <p>{i.imported ? 'It takes the place of the imported certificate: ' : 'It takes the place of the present one: '}browsers have to trust the root of the local CA.</p>
        </Confirm>
      )}
    </>
  );
}
