// Saved views: named states of a list, kept in this browser.
import { useId, useState } from 'preact/hooks';
import { navigate } from '../router';
import { Dialog } from '../ui/dialog';
import { Menu, type MenuItem } from '../ui/menu';
import { say } from '../ui/toast';

interface View { name: string; search: string }

function read(key: string): View[] {
  try {
    const list = JSON.parse(localStorage.getItem(key) ?? '[]') as View[];
    return Array.isArray(list) ? list.filter((v) => typeof v.name === 'string' && typeof v.search === 'string') : [];
  } catch {
    return []; // not ours, or damaged: views are a convenience
  }
}

export function Views({ table, path, search }: { table: string; path: string; search: string }) {
  const key = `certkeep.views.${table}`;
  const [views, set] = useState(() => read(key));
  const [naming, setNaming] = useState(false);
  const [name, setName] = useState('');
  const id = useId();
  const keep = (next: View[]) => {
    localStorage.setItem(key, JSON.stringify(next));
    set(next);
  };
  const now = views.find((v) => v.search === search);
  const items: MenuItem[] = [
    ...views.map((v) => ({ label: v.name, checked: v === now, run: () => navigate(path + v.search) })),
    { label: 'Save this view…', run: () => setNaming(true), why: search ? undefined : 'Filter, sort or choose columns first' },
    ...(now ? [{ label: `Forget “${now.name}”`, danger: true, run: () => keep(views.filter((v) => v !== now)) }] : []),
  ];
  const save = (e: Event) => {
    e.preventDefault();
    const wanted = name.trim();
    if (!wanted) return;
    keep([...views.filter((v) => v.name !== wanted), { name: wanted, search }]);
    setNaming(false);
    setName('');
    say(`View “${wanted}” is saved in this browser.`);
  };
  return (
    <>
      <Menu label="Views" items={items}>{now ? now.name : 'Views'} <span aria-hidden="true">▾</span></Menu>
      {naming && (
        <Dialog title="Save this view" onClose={() => setNaming(false)}>
          <form class="stack" onSubmit={save}>
            <div class="field">
              <label for={id}>Name</label>
              <input id={id} value={name} maxLength={60} required onInput={(e) => setName(e.currentTarget.value)} />
              <p class="help">Filters, search, sort and columns are kept in this browser under this name.</p>
            </div>
            <div class="bar end"><button type="submit" class="btn primary">Save</button></div>
          </form>
        </Dialog>
      )}
    </>
  );
}
