// Certificates from files or pasted text into the provisioning list. What shows a private key is
// not sent at all; what the appliance finds is said for each certificate.
import { useId, useRef, useState } from 'preact/hooks';
import { api, detailOf, type Schemas } from '../api';
import { date, plural } from '../format';
import { Link } from '../router';
import { Head, Note, Pill, Trouble } from '../ui/bits';

type Item = Schemas['ImportResult']['items'][number];
type Content = { name: string; bytes: Uint8Array };
const FILE_MAX = 512 * 1024, CALL_BYTES = 600 * 1024, CALL_FILES = 100;
const UP = { to: '/certificates', text: 'Provisioning Certificates' };

function base64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}
const hasKey = (bytes: Uint8Array) => new TextDecoder('latin1').decode(bytes).includes('PRIVATE KEY-----');
const refused = (file: string, text: string): Item => ({ file, name: '', issuer: '', fingerprint: '', not_after: null, result: 'refused', id: '', text });

/* Files in calls that a body can hold: a file more when what is there is less than the limit. */
function calls(all: Content[]): Content[][] {
  const out: Content[][] = [];
  let bytes = CALL_BYTES;
  for (const c of all) {
    if (!out.length || bytes + c.bytes.length > CALL_BYTES || out[out.length - 1]!.length === CALL_FILES) {
      out.push([]);
      bytes = 0;
    }
    out[out.length - 1]!.push(c);
    bytes += c.bytes.length;
  }
  return out;
}

export function Import() {
  const [text, setText] = useState('');
  const [files, setFiles] = useState<File[]>([]);
  const [tags, setTags] = useState('');
  const [result, setResult] = useState<Item[] | null>(null);
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const id = useId();

  const read = async (): Promise<{ good: Content[]; bad: Item[] }> => {
    const all: Content[] = await Promise.all(files.map(async (f) => ({ name: f.name, bytes: new Uint8Array(f.size > FILE_MAX ? new ArrayBuffer(0) : await f.arrayBuffer()) })));
    const large = files.filter((f) => f.size > FILE_MAX).map((f) => f.name);
    if (text.trim()) all.push({ name: 'pasted text', bytes: new TextEncoder().encode(text) });
    const why = (c: Content) => (large.includes(c.name) ? 'It has more than 512 KiB: no certificates are that large.' : hasKey(c.bytes) ? 'It holds a private key: it was not sent. Take the key out and import the certificates alone.' : '');
    return { good: all.filter((c) => !why(c)), bad: all.filter(why).map((c) => refused(c.name, why(c))) };
  };
  const submit = async (e: Event) => {
    e.preventDefault();
    if (busy) return;
    if (!files.length && !text.trim()) return setError('Choose files, or paste the text of certificates.');
    setBusy(true);
    setError('');
    try {
      const { good, bad } = await read();
      const list = tags.split(/[\s,]+/).filter(Boolean);
      let items: Item[] = bad;
      for (const some of calls(good)) {
        const body = { files: some.map((c) => ({ name: c.name, content: base64(c.bytes) })), ...(list.length ? { tags: list } : {}) };
        items = [...items, ...(await api.post('/api/v1/certificates/import', { body })).data.items];
        setResult(items);
      }
      setResult(items);
      setText('');
      setFiles([]);
      if (input.current) input.current.value = '';
    } catch (err) {
      setError(detailOf(err));
    }
    setBusy(false);
  };

  return (
    <div class="stack">
      <Head title="Import certificates" up={UP} />
      <form class="card form" onSubmit={submit} noValidate>
        <p>Certificates that are in use somewhere: PEM with one or many, DER, or PKCS#7. Issuers in the files are kept as the chain of what they issued. <strong>Never give private keys:</strong> they are refused.</p>
        <div class="field">
          <label for={`${id}f`}>Files</label>
          <input ref={input} id={`${id}f`} type="file" multiple accept=".pem,.crt,.cer,.der,.p7b,.p7c,.txt" onChange={(e) => setFiles([...(e.currentTarget.files ?? [])])} />
        </div>
        <div class="field">
          <label for={`${id}t`}>Pasted text</label>
          <textarea id={`${id}t`} class="mono" rows={7} spellcheck={false} autocomplete="off" placeholder="-----BEGIN CERTIFICATE-----" value={text} onInput={(e) => setText(e.currentTarget.value)} />
        </div>
        <div class="field">
          <label for={`${id}g`}>Tags</label>
          <input id={`${id}g`} value={tags} autocomplete="off" onInput={(e) => setTags(e.currentTarget.value)} />
          <p class="help">For all of them: key=value, several parted by spaces. Example: <code>env=production</code></p>
        </div>
        <Trouble text={error} />
        <div class="bar"><button type="submit" class="btn primary" aria-disabled={busy}>{busy ? 'Importing…' : 'Import'}</button></div>
      </form>
      {result && <Result items={result} />}
    </div>
  );
}

function Result({ items }: { items: Item[] }) {
  const n = (result: Item['result']) => items.filter((i) => i.result === result).length;
  const sorted = [...items].sort((a, b) => Number(a.result !== 'refused') - Number(b.result !== 'refused'));
  return (
    <section class="card" aria-label="Result" aria-live="polite">
      <h2>{plural(n('imported'), 'certificate')} imported</h2>
      <p class="soft">{n('duplicate')} there already, {n('chain')} kept as chain, {n('refused')} refused</p>
      {n('imported') > 0 && <Note tone="info">They are Discovered and no bot is assigned: <Link to={`/certificates?${new URLSearchParams({ filter: 'readiness:equals:Bot Unassigned' })}`}>Bot Unassigned</Link> lists them. Configure gives each its bot, CA and server.</Note>}
      <ul class="plain rows results" aria-label="Result for each certificate">
        {sorted.map((i, k) => (
          <li key={k}>
            <span class="grow">
              {i.id ? <Link to={`/certificates/${i.id}`}>{i.name || i.fingerprint}</Link> : <strong>{i.name || i.file}</strong>}
              <span class="sub soft">{[i.name && i.file, i.issuer && `by ${i.issuer}`, i.not_after && `ends ${date(i.not_after)}`].filter(Boolean).join(' · ')}</span>
              {i.text && <span class={`sub ${i.result === 'refused' ? 'bad' : 'soft'}`}>{i.text}</span>}
            </span>
            <Pill word={i.result} />
          </li>
        ))}
      </ul>
    </section>
  );
}
