// One action on many certificates: each is judged alone, and the result says so for each.
import { useId, useState } from 'preact/hooks';
import { api, detailOf, type Schemas } from '../api';
import { plural } from '../format';
import { Form } from '../form';
import { useSchema } from '../load';
import { Link, navigate } from '../router';
import { Loading, Pill, Trouble } from '../ui/bits';
import { Dialog } from '../ui/dialog';
import { CERT_SHAPE } from './cert-form';

export type BatchAction = 'configure' | 'renew' | 'deploy' | 'ignore' | 'tag';
const WORDS: Record<BatchAction, [string, string]> = {
  configure: ['Configure', 'Only what you fill in is changed, in all of them.'],
  renew: ['Renew', 'Each gets a new key and a new certificate from its CA, deployed as its approval says.'],
  deploy: ['Deploy', 'The issued certificate of each is deployed to its server.'],
  ignore: ['Ignore', 'They leave inventory and workflows, and can be taken back.'],
  tag: ['Tag', 'The tags are added to all of them.'],
};
const SHARED = ['connector', 'server', 'bot', 'key_alg', 'key_policy', 'validity_days', 'profile', 'renewal', 'renew_days', 'approval', 'config_edits', 'deploy_after', 'deployment_type'];

interface Props { action: BatchAction; ids: string[]; done: () => void; onClose: () => void }

export function BatchDialog({ action, ids, done, onClose }: Props) {
  const [result, setResult] = useState<Schemas['BatchResult'] | null>(null);
  const [name, setName] = useState('');
  const [tags, setTags] = useState('');
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const schema = useSchema('cert');
  const id = useId();
  const [title, what] = WORDS[action];
  const run = async (more: Partial<Schemas['CertBatch']>) => {
    const body: Schemas['CertBatch'] = { ids, action, ...(name.trim() ? { batch_name: name.trim() } : {}), ...more };
    setResult((await api.post('/api/v1/certificates/batch', { body })).data);
    done();
  };
  const submit = async (e: Event) => {
    e.preventDefault();
    const list = tags.split(/[\s,]+/).filter(Boolean);
    if (busy) return;
    if (action === 'tag' && !list.length) return setError('Tags: type at least one, as key=value.');
    setBusy(true);
    setError('');
    try {
      await run(action === 'tag' ? { tags: list } : {});
    } catch (err) {
      setError(detailOf(err));
    }
    setBusy(false);
  };
  if (result) return <Result title={title} name={name.trim()} result={result} onClose={onClose} />;
  const batchName = (
    <div class="field">
      <label for={`${id}n`}>Batch Name{action === 'configure' && <span class="req" aria-hidden="true"> required</span>}</label>
      <input id={`${id}n`} value={name} maxLength={100} onInput={(e) => setName(e.currentTarget.value)} />
      <p class="help">Finds them again later: Batch Name is a column and a filter.</p>
    </div>
  );
  return (
    <Dialog title={`${title}: ${plural(ids.length, 'certificate')}`} onClose={onClose} wide={action === 'configure'}>
      <p class="soft">{what}</p>
      {action === 'configure' ? (
        <>
          {batchName}
          <Trouble text={error || schema.error} />
          {!schema.data ? <Loading /> : (
            <Form fields={schema.data.fields.filter((f) => SHARED.includes(f.name)).map(({ initial: _, ...f }) => ({ ...f, required: false }))} shape={CERT_SHAPE} action="Configure"
              onCancel={onClose} save={async (settings) => {
                if (!name.trim()) throw new Error('Batch Name: is needed, so that these certificates can be found again.');
                await run({ settings: settings as Schemas['CertInput'] });
              }} />
          )}
        </>
      ) : (
        <form class="stack" onSubmit={submit}>
          {action === 'tag' ? (
            <div class="field">
              <label for={`${id}t`}>Tags</label>
              <input id={`${id}t`} value={tags} autocomplete="off" onInput={(e) => setTags(e.currentTarget.value)} />
              <p class="help">key=value, several parted by spaces. Example: <code>env=production</code></p>
            </div>
          ) : action !== 'ignore' && batchName}
          <Trouble text={error} />
          <div class="bar end">
            <button type="button" class="btn" onClick={onClose}>Cancel</button>
            <button type="submit" class="btn primary" aria-disabled={busy}>{busy ? 'Working…' : title}</button>
          </div>
        </form>
      )}
    </Dialog>
  );
}

/* What became of each, refused ones first; a named batch is found again by its name. */
function Result({ title, name, result, onClose }: { title: string; name: string; result: Schemas['BatchResult']; onClose: () => void }) {
  const items = [...result.items].sort((a, b) => Number(a.ok) - Number(b.ok));
  const batch = new URLSearchParams({ filter: `batch:equals:${name}` }).toString();
  return (
    <Dialog title={`${title}: ${result.done} done, ${result.refused} refused`} onClose={onClose}>
      <p>{result.items.some((i) => i.job) ? 'The work goes on as jobs.' : result.done ? 'What was not refused is done.' : 'Nothing was changed.'}</p>
      <ul class="plain rows results" aria-label="Result for each">
        {items.map((i) => (
          <li key={i.id}>
            <Link to={`/certificates/${i.id}`}>{i.name || i.id}</Link>
            <span class="grow">{i.error && <span class="bad">{i.error}</span>}</span>
            {i.job ? <Link to={`/jobs/${i.job}`}>Open the job</Link> : <Pill word={i.ok ? 'done' : 'refused'} />}
          </li>
        ))}
      </ul>
      <div class="bar end">
        {name && <button type="button" class="btn" onClick={() => { onClose(); navigate(`/certificates?${batch}`); }}>All of batch {name}</button>}
        <button type="button" class="btn primary" onClick={onClose}>Close</button>
      </div>
    </Dialog>
  );
}
