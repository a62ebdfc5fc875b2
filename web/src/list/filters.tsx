// Filters as sentences, each a chip that can be changed or taken away, and the form of one filter:
// Column, Operator, Value.
import { useId, useState } from 'preact/hooks';
import type { Column } from '../api';
import { Dialog } from '../ui/dialog';
import { type Filter, sentence, verb } from './query';

interface BarProps {
  filters: Filter[];
  columns: Column[];
  names: (column: string, id: string) => string;
  pick: (column: string) => { id: string; name: string }[];
  onChange: (filters: Filter[]) => void;
}

export function FilterBar({ filters, columns, names, pick, onChange }: BarProps) {
  const [edit, setEdit] = useState<number | null>(null);
  const put = (f: Filter | null) => {
    const at = edit!;
    setEdit(null);
    if (!f) return;
    const next = [...filters];
    if (f.value === 'All') next.splice(at, 1); // "All" lifts the filter of that column
    else next[at] = f;
    onChange(next);
  };
  return (
    <>
      {filters.length > 0 && (
        <ul class="chips" aria-label="Filters, all must hold">
          {filters.map((f, i) => {
            const text = sentence(f, columns, (id) => names(f.column, id));
            return (
              <li key={`${f.column}${f.op}${f.value}`} class="chip">
                <button type="button" onClick={() => setEdit(i)}>{text}</button>
                <button type="button" aria-label={`Remove filter: ${text}`} onClick={() => onChange(filters.filter((_, j) => j !== i))}>✕</button>
              </li>
            );
          })}
        </ul>
      )}
      <button type="button" class="btn" onClick={() => setEdit(filters.length)}><span aria-hidden="true">+ </span>Filter</button>
      {filters.length > 1 && <button type="button" class="btn ghost" onClick={() => onChange([])}>Clear</button>}
      {edit !== null && <FilterForm start={filters[edit]} columns={columns.filter((c) => c.operators.length > 0)} pick={pick} onDone={put} />}
    </>
  );
}

interface FormProps {
  start: Filter | undefined;
  columns: Column[];
  pick: (column: string) => { id: string; name: string }[];
  onDone: (f: Filter | null) => void;
}

function FilterForm({ start, columns, pick, onDone }: FormProps) {
  const [f, set] = useState<Filter>(start ?? { column: columns[0]!.name, op: columns[0]!.operators[0]!, value: '' });
  const id = useId();
  const c = columns.find((x) => x.name === f.column) ?? columns[0]!;
  const column = (name: string) => {
    const next = columns.find((x) => x.name === name)!;
    set({ column: name, op: next.operators.includes(f.op) ? f.op : next.operators[0]!, value: '' });
  };
  const submit = (e: Event) => {
    e.preventDefault();
    onDone({ ...f, value: f.value.trim() });
  };
  return (
    <Dialog title={start ? 'Change filter' : 'Add filter'} onClose={() => onDone(null)}>
      <form class="stack" onSubmit={submit}>
        <div class="triple">
          <div class="field">
            <label for={`${id}c`}>Column</label>
            <select id={`${id}c`} value={f.column} onChange={(e) => column(e.currentTarget.value)}>
              {columns.map((x) => <option key={x.name} value={x.name}>{x.label}</option>)}
            </select>
          </div>
          <div class="field">
            <label for={`${id}o`}>Operator</label>
            <select id={`${id}o`} value={f.op} onChange={(e) => set({ ...f, op: e.currentTarget.value, value: '' })}>
              {c.operators.map((o) => <option key={o} value={o}>{verb(o)}</option>)}
            </select>
          </div>
          <div class="field">
            <label for={`${id}v`}>Value</label>
            <Value id={`${id}v`} column={c} f={f} pick={pick} set={(value) => set({ ...f, value })} />
          </div>
        </div>
        <div class="bar end">
          <button type="button" class="btn" onClick={() => onDone(null)}>Cancel</button>
          <button type="submit" class="btn primary">Apply</button>
        </div>
      </form>
    </Dialog>
  );
}

interface ValueProps { id: string; column: Column; f: Filter; pick: FormProps['pick']; set: (v: string) => void }

function Value({ id, column, f, pick, set }: ValueProps) {
  const options = column.type === 'bool' ? [{ id: 'true', name: 'yes' }, { id: 'false', name: 'no' }]
    : column.type === 'id' || column.type === 'ids' ? pick(column.name)
    : (column.choices ?? []).map((x) => ({ id: x, name: x || 'empty' }));
  if (options.length && f.op === 'in') {
    const chosen = f.value ? f.value.split('|') : [];
    const flip = (v: string) => set(options.map((o) => o.id).filter((x) => (x === v) !== chosen.includes(x)).join('|'));
    return (
      <div id={id} role="group" aria-label="Values" class="checks">
        {options.map((o) => (
          <label key={o.id} class="check"><input type="checkbox" checked={chosen.includes(o.id)} onChange={() => flip(o.id)} />{o.name}</label>
        ))}
      </div>
    );
  }
  if (options.length)
    return (
      <select id={id} value={f.value} required onChange={(e) => set(e.currentTarget.value)}>
        <option value="" disabled>Choose</option>
        <option value="All">All</option>
        {options.filter((o) => o.id !== '').map((o) => <option key={o.id} value={o.id}>{o.name}</option>)}
      </select>
    );
  const type = column.type === 'time' ? 'date' : column.type === 'int' ? 'number' : 'text';
  return <input id={id} type={type as 'text'} value={f.value} required autocomplete="off" onInput={(e) => set(e.currentTarget.value)} />;
}
