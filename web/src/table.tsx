// The one list. Columns, operators and what can be sorted come from the API's schema; its state is
// the URL. Pages say only what is theirs: actions, bulk actions, the text of the empty list.
import { createTable, getCoreRowModel, type RowSelectionState, type Table, type Updater } from '@tanstack/table-core';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { urlOf, type Column, type Field } from './api';
import { count } from './format';
import { cell } from './list/cells';
import { ColumnChooser } from './list/columns';
import { FilterBar } from './list/filters';
import { useListKeys } from './list/keys';
import { href, params, readState, type ListState } from './list/query';
import { Rows } from './list/rows';
import { useNames, useRows } from './list/use-list';
import { Views } from './list/views';
import { useSchema } from './load';
import { TABLES, type Row, type TableName } from './records';
import { navigate, usePlace } from './router';
import { Empty, Head, Loading, Trouble } from './ui/bits';
import { Menu, type MenuItem } from './ui/menu';

export interface Bulk { label: string; run: (ids: string[], done: () => void) => void }
interface ListProps {
  table: TableName;
  title: string;
  empty: ComponentChildren;
  columns?: Column[]; // for the audit, which is no record table
  first?: string[]; // columns shown unless the user chose others; else those the appliance says
  extra?: string[]; // columns read though not shown
  fixed?: string[]; // filters that are not the user's
  link?: ((row: Row) => string) | null;
  actions?: (row: Row, reload: () => void) => MenuItem[];
  bulk?: Bulk[];
  children?: ComponentChildren; // buttons of the head
  head?: ComponentChildren; // in place of the head, for lists inside other pages
}

export function List(props: ListProps) {
  if (props.columns) return <Listing {...props} known={props.columns} fields={[]} />;
  return <WithSchema {...props} />;
}

function WithSchema(props: ListProps) {
  const schema = useSchema(props.table);
  if (schema.error) return <Trouble text={schema.error} />;
  if (!schema.data) return <Loading />;
  return <Listing {...props} known={schema.data.columns} fields={schema.data.fields} />;
}

/* The table's model: which rows there are and which are selected. */
function useModel(rows: Row[], selected: RowSelectionState, select: (u: Updater<RowSelectionState>) => void): Table<Row> {
  const ref = useRef<Table<Row> | null>(null);
  const options = {
    data: rows, columns: [], getRowId: (r: Row) => r.id, getCoreRowModel: getCoreRowModel<Row>(),
    state: { rowSelection: selected, columnPinning: { left: [], right: [] } },
    onStateChange: () => undefined, onRowSelectionChange: select, renderFallbackValue: null,
  };
  ref.current ??= createTable<Row>(options);
  ref.current.setOptions((before) => ({ ...before, ...options, getCoreRowModel: before.getCoreRowModel }));
  return ref.current;
}

function countText(s: ListState, rows: Row[], next: string | null, total: number | null): string {
  if (total !== null) return count(total);
  if (!next && !s.cursor) return count(rows.length);
  return next ? `${count(rows.length)} here, more follow` : `${count(rows.length)} here, the last`;
}

const NONE: Row[] = [];

function Listing({ known, fields, ...p }: ListProps & { known: Column[]; fields: Field[] }) {
  const { path, search } = usePlace();
  const s = readState(search);
  const defaults = p.first ?? known.filter((c) => c.default).map((c) => c.name);
  const chosen = (s.columns.length ? s.columns : defaults).filter((n) => known.some((c) => c.name === n));
  const shown = chosen.map((n) => known.find((c) => c.name === n)!);
  const extra = (p.extra ?? []).filter((n) => !chosen.includes(n));
  const data = useRows(p.table, s, [...chosen, ...extra], p.fixed ?? []);
  const names = useNames(fields, [...shown, ...known.filter((c) => s.filters.some((f) => f.column === c.name && !chosen.includes(c.name)))]);
  const nameOf = (column: string, id: string) => names(column).find((n) => n.id === id)?.name ?? id;
  const [selected, setSelected] = useState<RowSelectionState>({});
  const [choosing, setChoosing] = useState(false);
  const model = useModel(data.rows ?? NONE, selected, (u) => setSelected(u as never));
  const frame = useRef<HTMLDivElement>(null), box = useRef<HTMLInputElement>(null);
  const before = useRef<string[]>([]); // cursors of the pages before this one
  const ids = Object.keys(selected);
  const go = (change: Partial<ListState>) => {
    setSelected({});
    if (change.cursor === undefined) before.current = [];
    navigate(href(path, { ...s, cursor: '', ...change }));
  };
  useListKeys(frame, box, (id) => p.bulk && model.getRow(id).toggleSelected());

  const save = (format: string) => {
    const query = params({ ...s, columns: chosen, cursor: '' });
    for (const f of p.fixed ?? []) query.append('filter', f);
    query.set('export', format);
    const a = document.createElement('a');
    a.href = urlOf(TABLES[p.table].api, undefined, query);
    a.download = '';
    a.click();
  };
  const narrowed = s.filters.length > 0 || s.q !== '';
  const nothing = data.rows?.length === 0 && !s.cursor;
  const link = p.link === null ? undefined : (p.link ?? ((row: Row) => `${TABLES[p.table].page}/${row.id}`));
  const title = (row: Row) => String(row[TABLES[p.table].name] ?? row[chosen[0]!] ?? row.id);

  return (
    <section class="list" aria-busy={data.busy}>
      {p.head ?? <Head title={p.title} pills={<span class="soft count" role="status">{data.rows && countText(s, data.rows, data.next, data.total)}</span>}>{p.children}</Head>}
      {!(nothing && !narrowed) && (
        <div class="bar tools">
          <Search box={box} q={s.q} onSearch={(q) => go({ q })} />
          <FilterBar filters={s.filters} columns={known} names={nameOf} pick={(c) => names(c)} onChange={(filters) => go({ filters })} />
          <span class="grow" />
          <Views table={path === TABLES[p.table].page ? p.table : path} path={path} search={search} />
          <button type="button" class="btn" onClick={() => setChoosing(true)}>Columns</button>
          <Menu label="Export" items={[{ label: 'CSV, as shown', run: () => save('csv') }, { label: 'JSON lines, as shown', run: () => save('json') }]}>Export <span aria-hidden="true">▾</span></Menu>
        </div>
      )}
      {p.bulk && ids.length > 0 && (
        <div class="bar bulk" role="region" aria-label="Selected">
          <strong>{count(ids.length)} selected</strong>
          {p.bulk.map((b) => <button key={b.label} type="button" class="btn" onClick={() => b.run(ids, () => { setSelected({}); data.reload(); })}>{b.label}</button>)}
          <button type="button" class="btn ghost" onClick={() => setSelected({})}>Clear selection</button>
        </div>
      )}
      <Trouble text={data.error}> <button type="button" class="btn" onClick={data.reload}>Try again</button></Trouble>
      {!data.rows && !data.error && <Loading />}
      {nothing && !narrowed && !data.error && p.empty}
      {nothing && narrowed && <Empty title="Nothing matches"><p>No {TABLES[p.table].one} fits these filters and this search.</p><button type="button" class="btn" onClick={() => go({ filters: [], q: '' })}>Clear filters and search</button></Empty>}
      {data.rows && data.rows.length > 0 && (
        <div class="frame" ref={frame}>
          <Rows table={model} columns={shown} label={p.title} sort={s.sort} onSort={(sort) => go({ sort })} link={link}
            actions={p.actions && ((row) => p.actions!(row, data.reload))} select={!!p.bulk} title={title}
            value={(c, row) => cell(c, row, (id) => nameOf(c.name, id))} />
        </div>
      )}
      {(s.cursor || data.next) && (
        <nav class="bar end" aria-label="Pages">
          {s.cursor && <button type="button" class="btn" onClick={() => go({})}>First page</button>}
          {before.current.length > 0 && <button type="button" class="btn" onClick={() => go({ cursor: before.current.pop()! })}>Previous page</button>}
          {data.next && <button type="button" class="btn" onClick={() => { before.current.push(s.cursor); go({ cursor: data.next! }); }}>Next page</button>}
        </nav>
      )}
      {choosing && <ColumnChooser columns={known} chosen={chosen} onDone={(c) => { setChoosing(false); if (c) go({ columns: c.join() === defaults.join() ? [] : c }); }} />}
    </section>
  );
}

function Search({ box, q, onSearch }: { box: { current: HTMLInputElement | null }; q: string; onSearch: (q: string) => void }) {
  const [text, set] = useState(q);
  useEffect(() => set(q), [q]);
  return (
    <form role="search" class="search" onSubmit={(e) => { e.preventDefault(); onSearch(text.trim()); }}>
      <input ref={box} type="search" value={text} placeholder="Search" aria-label="Search this list" aria-keyshortcuts="/" enterkeyhint="search"
        onInput={(e) => { set(e.currentTarget.value); if (e.currentTarget.value === '' && q) onSearch(''); }} />
      <kbd aria-hidden="true">/</kbd>
    </form>
  );
}
