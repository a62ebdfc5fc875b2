// The sheet of keys, on ? and behind its button.
import { useEffect, useState } from 'preact/hooks';
import { keysOn, setKeysOn, typing } from '../list/keys';
import { navigate } from '../router';
import { Dialog } from './dialog';

const KEYS: [string, string][] = [
  ['j', 'next row'], ['k', 'row before'], ['Enter', 'open the row'], ['x', 'select the row'], ['/', 'search the list, or all certificates'],
  ['g then h', 'Home'], ['g then c', 'Certificates'], ['g then s', 'Servers'], ['g then j', 'Jobs'], ['?', 'this sheet'], ['Escape', 'close what is open'],
];
const GO: Record<string, string> = { h: '/', c: '/certificates', s: '/servers', j: '/jobs' };

export function KeySheet() {
  const [open, setOpen] = useState(false);
  const [on, setOn] = useState(keysOn());
  useEffect(() => {
    let g = 0;
    const key = (e: KeyboardEvent) => {
      if (typing(e)) return;
      const to = GO[e.key];
      if (g && to && Date.now() - g < 1500) {
        e.preventDefault();
        e.stopImmediatePropagation();
        navigate(to);
      } else if (e.key === '?') setOpen(true);
      else if (e.key === '/' && !document.querySelector('main [role=search]')) {
        e.preventDefault();
        document.querySelector<HTMLElement>('[data-find]')?.focus();
      }
      g = e.key === 'g' ? Date.now() : 0;
    };
    document.addEventListener('keydown', key, true);
    return () => document.removeEventListener('keydown', key, true);
  }, []);
  return (
    <>
      <button type="button" class="btn ghost icon only-wide" aria-label="Keys" aria-keyshortcuts="?" onClick={() => setOpen(true)}>?</button>
      {open && (
        <Dialog title="Keys" onClose={() => setOpen(false)}>
          <dl class="keys">{KEYS.map(([k, what]) => <div key={k}><dt>{k.split(' then ').map((x, i) => <>{i > 0 && ' then '}<kbd>{x}</kbd></>)}</dt><dd>{what}</dd></div>)}</dl>
          <label class="check"><input type="checkbox" checked={on} onChange={(e) => { setKeysOn(e.currentTarget.checked); setOn(e.currentTarget.checked); }} />Single keys are on in this browser</label>
        </Dialog>
      )}
    </>
  );
}
