// The rows of a list: a table whose head and name column stay in sight, or cards on a phone.
import type { Table } from '@tanstack/table-core';
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Column } from '../api';
import type { Row } from '../records';
import { Link } from '../router';
import { Menu, type MenuItem } from '../ui/menu';

export interface RowsProps {
  table: Table<Row>;
  columns: Column[]; // in the order shown; the first names the row
  label: string;
  sort: string;
  onSort: (sort: string) => void;
  link?: ((row: Row) => string) | undefined;
  actions?: ((row: Row) => MenuItem[]) | undefined;
  select: boolean;
  value: (column: Column, row: Row) => ComponentChildren;
  title: (row: Row) => string;
}

function useNarrow(): boolean {
  const media = matchMedia('(max-width: 700px)');
  const [narrow, set] = useState(media.matches);
  useEffect(() => {
    const on = () => set(media.matches);
    media.addEventListener('change', on);
    return () => media.removeEventListener('change', on);
  }, []);
  return narrow;
}

export function Rows(p: RowsProps) {
  return useNarrow() ? <Cards {...p} /> : <Grid {...p} />;
}

function Opening({ p, row, children }: { p: RowsProps; row: Row; children: ComponentChildren }) {
  return p.link ? <Link to={p.link(row)} data-open>{children ?? p.title(row)}</Link> : <>{children}</>;
}

function Pick({ p, row }: { p: RowsProps; row: Row }) {
  const r = p.table.getRow(row.id);
  return <input type="checkbox" aria-label={`Select ${p.title(row)}`} checked={r.getIsSelected()} onChange={() => r.toggleSelected()} />;
}

function Actions({ p, row }: { p: RowsProps; row: Row }) {
  const items = p.actions!(row);
  return items.length ? <Menu label={`Actions for ${p.title(row)}`} class="btn ghost icon" items={items}><span aria-hidden="true">⋯</span></Menu> : null;
}

function Grid(p: RowsProps) {
  const rows = p.table.getRowModel().rows;
  const head = (c: Column, i: number) => {
    const asc = p.sort === c.name, desc = p.sort === `-${c.name}`;
    return (
      <th key={c.name} scope="col" class={i === 0 ? 'pin' : ''} aria-sort={asc ? 'ascending' : desc ? 'descending' : undefined}>
        {c.sortable
          ? <button type="button" class="sort" onClick={() => p.onSort(asc ? `-${c.name}` : desc ? '' : c.name)}>{c.label}<span aria-hidden="true">{asc ? ' ↑' : desc ? ' ↓' : ''}</span></button>
          : c.label}
      </th>
    );
  };
  return (
    <table class="grid" aria-label={p.label}>
      <thead>
        <tr>
          {p.select && <th class="pick"><input type="checkbox" aria-label="Select all on this page" checked={p.table.getIsAllRowsSelected()} indeterminate={p.table.getIsSomeRowsSelected()} onChange={(e) => p.table.toggleAllRowsSelected(e.currentTarget.checked)} /></th>}
          {p.columns.map(head)}
          {p.actions && <th class="end"><span class="sr">Actions</span></th>}
        </tr>
      </thead>
      <tbody>
        {rows.map(({ original: row, ...r }) => (
          <tr key={row.id} data-row={row.id} tabIndex={-1} aria-selected={p.select ? r.getIsSelected() : undefined}>
            {p.select && <td class="pick"><Pick p={p} row={row} /></td>}
            {p.columns.map((c, i) => i === 0
              ? <th key={c.name} scope="row" class="pin"><Opening p={p} row={row}>{p.value(c, row)}</Opening></th>
              : <td key={c.name} class={c.type === 'int' ? 'num' : ''}>{p.value(c, row)}</td>)}
            {p.actions && <td class="end"><Actions p={p} row={row} /></td>}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Cards(p: RowsProps) {
  const [first, ...rest] = p.columns;
  return (
    <ul class="cards plain" aria-label={p.label}>
      {p.table.getRowModel().rows.map(({ original: row }) => (
        <li key={row.id} class="card" data-row={row.id} tabIndex={-1}>
          <div class="bar">
            {p.select && <Pick p={p} row={row} />}
            <strong class="grow"><Opening p={p} row={row}>{p.value(first!, row)}</Opening></strong>
            {p.actions && <Actions p={p} row={row} />}
          </div>
          <dl>
            {rest.map((c) => ({ c, v: p.value(c, row) })).filter(({ v }) => v !== null).map(({ c, v }) => (
              <div key={c.name}><dt>{c.label}</dt><dd>{v}</dd></div>
            ))}
          </dl>
        </li>
      ))}
    </ul>
  );
}
