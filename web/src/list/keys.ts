// Keys of a list: j and k move between rows, Enter opens (the focus is on the row's own link),
// x selects, / goes to the search. They rest while something is typed or a dialog is open.
import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';

const OFF = 'certkeep.keys';
export const keysOn = () => localStorage.getItem(OFF) !== 'off';
export function setKeysOn(on: boolean): void {
  if (on) localStorage.removeItem(OFF);
  else localStorage.setItem(OFF, 'off');
}

export function typing(e: KeyboardEvent): boolean {
  const t = e.target as HTMLElement;
  return !keysOn() || e.ctrlKey || e.metaKey || e.altKey || t.matches('input:not([type=checkbox]), textarea, select, [role=menu] *') || !!document.querySelector('dialog[open]');
}

export function useListKeys(frame: RefObject<HTMLElement | null>, search: RefObject<HTMLInputElement | null>, flip: (id: string) => void): void {
  useEffect(() => {
    const on = (e: KeyboardEvent) => {
      if (typing(e)) return;
      const rows = [...(frame.current?.querySelectorAll<HTMLElement>('[data-row]') ?? [])];
      const at = rows.findIndex((r) => r.contains(document.activeElement));
      if (e.key === '/') search.current?.focus();
      else if (e.key === 'j' || e.key === 'k') {
        const row = rows[e.key === 'j' ? Math.min(at + 1, rows.length - 1) : Math.max(at - 1, 0)];
        (row?.querySelector<HTMLElement>('a[data-open]') ?? row)?.focus();
      } else if (e.key === 'x' && at >= 0) flip(rows[at]!.dataset.row!);
      else return;
      e.preventDefault();
    };
    document.addEventListener('keydown', on);
    return () => document.removeEventListener('keydown', on);
  });
}
