// The column chooser: which columns, in which order. The choice is part of the URL and of exports.
import { useState } from 'preact/hooks';
import type { Column } from '../api';
import { Dialog } from '../ui/dialog';

interface Props { columns: Column[]; chosen: string[]; onDone: (chosen: string[] | null) => void }

export function ColumnChooser({ columns, chosen, onDone }: Props) {
  const [list, set] = useState(chosen);
  const label = (name: string) => columns.find((c) => c.name === name)?.label ?? name;
  const move = (name: string, by: number) => {
    const at = list.indexOf(name), to = at + by;
    if (to < 0 || to >= list.length) return;
    const next = [...list];
    next.splice(at, 1);
    next.splice(to, 0, name);
    set(next);
  };
  const rest = columns.filter((c) => !list.includes(c.name));
  return (
    <Dialog title="Customize columns" onClose={() => onDone(null)} side>
      <h3>Shown</h3>
      <ul class="plain rows">
        {list.map((name, i) => (
          <li key={name}>
            <label class="check"><input type="checkbox" checked disabled={list.length === 1} onChange={() => set(list.filter((n) => n !== name))} />{label(name)}</label>
            <span class="bar">
              <button type="button" class="btn ghost icon" aria-label={`Move ${label(name)} up`} aria-disabled={i === 0} onClick={() => move(name, -1)}>↑</button>
              <button type="button" class="btn ghost icon" aria-label={`Move ${label(name)} down`} aria-disabled={i === list.length - 1} onClick={() => move(name, 1)}>↓</button>
            </span>
          </li>
        ))}
      </ul>
      {rest.length > 0 && <h3>More columns</h3>}
      <ul class="plain rows">
        {rest.map((c) => (
          <li key={c.name}><label class="check"><input type="checkbox" checked={false} onChange={() => set([...list, c.name])} />{c.label}</label></li>
        ))}
      </ul>
      <div class="bar end sticky-foot">
        <button type="button" class="btn" onClick={() => onDone([])}>Defaults</button>
        <button type="button" class="btn primary" onClick={() => onDone(list)}>Show these</button>
      </div>
    </Dialog>
  );
}
