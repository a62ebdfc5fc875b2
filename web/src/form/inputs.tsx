// One input per kind of field.
import { useEffect, useState } from 'preact/hooks';
import { detailOf, type Field } from '../api';
import { isTable, namesOf, TABLES, type Named, type TableName } from '../records';
import type { Shape, Value } from './values';

export interface InputProps {
  field: Field;
  id: string;
  value: Value;
  kept: boolean; // a secret that is stored already
  shape: Shape;
  described: string | undefined;
  invalid: boolean;
  set: (v: Value) => void;
}

const TYPES: Record<string, string> = { int: 'number', password: 'password', email: 'email', time: 'datetime-local' };

export function Input(p: InputProps) {
  const { field: f, id, value, set } = p;
  const common = { id, 'aria-describedby': p.described, 'aria-invalid': p.invalid || undefined, 'aria-required': f.required || undefined };
  const choices = p.shape.choices?.[f.name] ?? f.choices;
  if ((f.kind === 'list' || f.kind === 'choices') && choices) return <Checks p={p} choices={choices} />;
  if (choices)
    return (
      <select {...common} value={value as string} onChange={(e) => set(e.currentTarget.value)}>
        {!choices.includes(value as string) && <option value={value as string}>{(value as string) || 'Choose'}</option>}
        {choices.map((c) => <option key={c} value={c}>{c || 'Not Mapped'}</option>)}
      </select>
    );
  switch (f.kind) {
    case 'bool':
      return <label class="check"><input type="checkbox" {...common} checked={value === true} onChange={(e) => set(e.currentTarget.checked)} />{f.help}</label>;
    case 'id':
      return isTable(f.table ?? '') ? <Picker p={p} table={f.table as TableName} /> : null;
    case 'ids':
      return isTable(f.table ?? '') ? <Records p={p} table={f.table as TableName} /> : null;
    case 'lines':
      return <textarea {...common} class="mono" rows={6} spellcheck={false} value={value as string} onInput={(e) => set(e.currentTarget.value)} />;
    case 'list':
      return <Lines p={p} />;
    case 'secret':
      return <Secret p={p} />;
    default:
      return (
        <input {...common} type={(TYPES[f.kind] ?? 'text') as 'text'} value={value as string} autocomplete={f.kind === 'password' ? 'new-password' : 'off'} spellcheck={false}
          class={['host', 'path', 'url'].includes(f.kind) ? 'mono' : ''} min={f.kind === 'int' ? f.min : undefined} max={f.kind === 'int' ? f.max : undefined}
          onInput={(e) => set(e.currentTarget.value)} />
      );
  }
}

/* Kept as typed while typing, so that a new line or a space is not eaten. */
function Lines({ p }: { p: InputProps }) {
  const { value, set } = p;
  const [text, setText] = useState((value as string[]).join('\n'));
  const parse = (t: string) => t.split('\n').map((x) => x.trim()).filter(Boolean);
  useEffect(() => {
    if (parse(text).join('\n') !== (value as string[]).join('\n')) setText((value as string[]).join('\n'));
  }, [value]);
  return (
    <textarea id={p.id} rows={Math.min(6, Math.max(2, (value as string[]).length + 1))} class="mono" spellcheck={false} value={text}
      aria-describedby={p.described} aria-invalid={p.invalid || undefined} aria-required={p.field.required || undefined}
      onInput={(e) => { setText(e.currentTarget.value); set(parse(e.currentTarget.value)); }} />
  );
}

function Checks({ p, choices, names }: { p: InputProps; choices: string[]; names?: Record<string, string> }) {
  const now = p.value as string[];
  const hints = p.shape.hints?.[p.field.name];
  return (
    <div id={p.id} role="group" aria-label={p.field.label} aria-describedby={p.described} class="checks" tabIndex={-1}>
      {choices.map((c) => (
        <label key={c} class="check">
          <input type="checkbox" checked={now.includes(c)} onChange={(e) => p.set(e.currentTarget.checked ? [...now, c] : now.filter((x) => x !== c))} />
          <span>{names?.[c] ?? c}{hints?.[c] && <small class="soft"> {hints[c]}</small>}</span>
        </label>
      ))}
    </div>
  );
}

/* Some records of a table, by name; one that is chosen stays shown though it is not among the first. */
function Records({ p, table }: { p: InputProps; table: TableName }) {
  const [found, set] = useState<Named[] | null>(null);
  const [error, setError] = useState('');
  useEffect(() => {
    let alive = true;
    namesOf(table, p.shape.pick?.[p.field.name]).then((n) => alive && set(n.items), (e) => alive && setError(detailOf(e)));
    return () => { alive = false; };
  }, [table]);
  const now = p.value as string[], items = found ?? [];
  const ids = [...items.map((n) => n.id), ...now.filter((id) => !items.some((n) => n.id === id))];
  return (
    <div class="stack tight">
      <Checks p={p} choices={ids} names={Object.fromEntries(items.map((n) => [n.id, n.name]))} />
      {error && <p class="error">{error}</p>}
      {found && ids.length === 0 && <p class="help">There is no {TABLES[table].one} to choose yet.</p>}
    </div>
  );
}

function Secret({ p }: { p: InputProps }) {
  const [open, setOpen] = useState(!p.kept);
  const common = { id: p.id, 'aria-describedby': p.described, 'aria-invalid': p.invalid || undefined };
  useEffect(() => setOpen(!p.kept), [p.kept]);
  if (!open)
    return (
      <div class="bar kept">
        <span><span aria-hidden="true">● </span>kept in the HSM</span>
        <button type="button" class="btn" id={p.id} aria-describedby={p.described} onClick={() => setOpen(true)}>Replace {p.field.label}</button>
      </div>
    );
  return (
    <div class="bar">
      {p.field.max && p.field.max > 1000
        ? <textarea {...common} class="mono grow" rows={5} spellcheck={false} autocomplete="off" value={p.value as string} onInput={(e) => p.set(e.currentTarget.value)} />
        : <input {...common} class="grow" type="password" autocomplete="new-password" value={p.value as string} onInput={(e) => p.set(e.currentTarget.value)} />}
      {p.kept && <button type="button" class="btn ghost" onClick={() => { p.set(''); setOpen(false); }}>Keep the stored one</button>}
    </div>
  );
}

function Picker({ p, table }: { p: InputProps; table: TableName }) {
  const [found, set] = useState<{ items: Named[]; more: boolean } | null>(null);
  const [q, setQ] = useState('');
  const [error, setError] = useState('');
  useEffect(() => {
    let alive = true;
    const timer = setTimeout(() => namesOf(table, p.shape.pick?.[p.field.name], q).then((n) => alive && set(n), (e) => alive && setError(detailOf(e))), q ? 250 : 0);
    return () => { alive = false; clearTimeout(timer); };
  }, [table, q]);
  const items = found?.items ?? [];
  const value = p.value as string;
  return (
    <div class="stack tight">
      {(found?.more || q) && <input type="search" aria-label={`Search ${TABLES[table].many}`} placeholder={`Search ${TABLES[table].many}`} value={q} onInput={(e) => setQ(e.currentTarget.value)} />}
      <select id={p.id} value={value} aria-describedby={p.described} aria-invalid={p.invalid || undefined} onChange={(e) => p.set(e.currentTarget.value)}>
        <option value="">None</option>
        {value && !items.some((n) => n.id === value) && <option value={value}>{found ? `${value} (not offered now)` : value}</option>}
        {items.map((n) => <option key={n.id} value={n.id}>{n.name}</option>)}
      </select>
      {error && <p class="error">{error}</p>}
      {found && items.length === 0 && !q && <p class="help">There is no {TABLES[table].one} to choose yet.</p>}
    </div>
  );
}
