// Reads the pages of a list: goes on by itself when filters left a page short, reads again when
// records change, and keeps the names of the ids it shows.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { detailOf, type Column, type Field } from '../api';
import { onChange } from '../events';
import { isTable, listPage, namesOf, type Named, type Row, type TableName } from '../records';
import { params, type ListState } from './query';

const PAGE = 50;
const GO_ON = 25; // answers per page at most: each looks at 20,000 records

export interface ListData {
  rows: Row[] | null;
  next: string | null;
  total: number | null;
  error: string;
  busy: boolean;
  reload: () => void;
}

export function useRows(table: TableName, s: ListState, columns: string[], fixed: string[]): ListData {
  const [data, set] = useState<Omit<ListData, 'reload' | 'busy'>>({ rows: null, next: null, total: null, error: '' });
  const [busy, setBusy] = useState(true);
  const turn = useRef(0);
  const key = `${params(s)}|${columns}|${fixed}`;
  const read = useCallback(async () => {
    const mine = ++turn.current;
    setBusy(true);
    const query = params({ ...s, columns });
    for (const f of fixed) query.append('filter', f);
    try {
      const rows: Row[] = [];
      let total: number | null = null;
      let next: string | null = s.cursor || null;
      for (let i = 0; i < GO_ON && rows.length < PAGE; i++) {
        query.set('limit', String(PAGE - rows.length));
        if (next) query.set('cursor', next);
        const page = await listPage(table, query);
        if (mine !== turn.current) return;
        rows.push(...page.items);
        total = page.total;
        next = page.next;
        if (!next) break;
      }
      set({ rows, next, total, error: '' });
    } catch (e) {
      if (mine === turn.current) set((d) => ({ ...d, error: detailOf(e) }));
    }
    if (mine === turn.current) setBusy(false);
  }, [table, key]);
  useEffect(() => {
    if (!columns.length) return;
    void read();
    const end = onChange([table], () => void read());
    return () => {
      turn.current++;
      end();
    };
  }, [read]);
  return { ...data, busy, reload: () => void read() };
}

/* One request per shown column that holds ids, none per row. */
export function useNames(fields: Field[], columns: Column[]): (column: string) => Named[] {
  const [names, set] = useState<Record<string, Named[]>>({});
  const wanted = columns.filter((c) => c.type === 'id' || c.type === 'ids').map((c) => ({ column: c.name, table: fields.find((f) => f.name === c.name)?.table ?? '' }));
  useEffect(() => {
    for (const { column, table } of wanted)
      if (isTable(table))
        namesOf(table).then((n) => set((all) => ({ ...all, [column]: n.items })), () => undefined); // the id stays readable
  }, [wanted.map((w) => w.column).join()]);
  return (column) => names[column] ?? [];
}
