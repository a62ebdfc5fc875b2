// Routes on the history API. Links are real links; a click without a modifier stays in the page.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';

const moved = new EventTarget();
let guard: (() => boolean) | null = null; // false: the user wants to stay

function tell() {
  moved.dispatchEvent(new Event('moved'));
}
window.addEventListener('popstate', tell);

export function navigate(to: string, replace = false): void {
  if (!replace && guard && !guard()) return;
  if (replace) history.replaceState(null, '', to);
  else {
    history.pushState(null, '', to);
    if (new URL(to, location.href).pathname !== lastPath) window.scrollTo(0, 0);
  }
  tell();
}
let lastPath = location.pathname;

export interface Place { path: string; search: string }

export function usePlace(): Place {
  const [place, set] = useState<Place>({ path: location.pathname, search: location.search });
  useEffect(() => {
    const on = () => {
      lastPath = location.pathname;
      set({ path: location.pathname, search: location.search });
    };
    moved.addEventListener('moved', on);
    on();
    return () => moved.removeEventListener('moved', on);
  }, []);
  return place;
}

/* Asks before leaving while `dirty` is true. */
export function useLeaveGuard(dirty: boolean): void {
  useEffect(() => {
    if (!dirty) return;
    const mine = () => window.confirm('Leave this form? What you typed here is not saved.');
    const unload = (e: BeforeUnloadEvent) => e.preventDefault();
    guard = mine;
    window.addEventListener('beforeunload', unload);
    return () => {
      if (guard === mine) guard = null;
      window.removeEventListener('beforeunload', unload);
    };
  }, [dirty]);
}

interface LinkProps {
  to: string;
  children: ComponentChildren;
  class?: string;
  'aria-current'?: 'page' | 'true' | undefined;
  'aria-label'?: string;
  'data-open'?: boolean; // the link that opens a row
}

export function Link({ to, children, ...rest }: LinkProps) {
  const click = (e: MouseEvent) => {
    if (e.button || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
    e.preventDefault();
    navigate(to);
  };
  return <a {...rest} href={to} onClick={click}>{children}</a>;
}

/* "/servers/:id" against "/servers/7x": the parts by name, or null. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const want = pattern.split('/'), have = path.replace(/\/$/, '').split('/');
  if (path === '/') return pattern === '/' ? {} : null;
  if (want.length !== have.length) return null;
  const out: Record<string, string> = {};
  for (const [i, w] of want.entries()) {
    if (w.startsWith(':')) out[w.slice(1)] = decodeURIComponent(have[i]!);
    else if (w !== have[i]) return null;
  }
  return out;
}
