// What was just done, said once in a polite live region; an error stays until it is put away.
import { store, useStore } from '../store';

interface Toast { id: number; text: string; bad: boolean; link?: { to: string; text: string } | undefined }

const toasts = store<Toast[]>([]);
let last = 0;

export function say(text: string, link?: Toast['link'], bad = false): void {
  const one = { id: ++last, text, bad, link };
  toasts.set([...toasts.get().slice(-2), one]);
  if (!bad) setTimeout(() => drop(one.id), 8000);
}
export function complain(e: unknown): void {
  say(e instanceof Error ? e.message : String(e), undefined, true);
}
function drop(id: number) {
  toasts.set(toasts.get().filter((t) => t.id !== id));
}

export function Toasts({ go }: { go: (to: string) => void }) {
  const all = useStore(toasts);
  return (
    <div class="toasts" role="status" aria-live="polite" aria-label="Messages">
      {all.map((t) => (
        <div key={t.id} class={`toast ${t.bad ? 'bad' : ''}`}>
          <span><b aria-hidden="true">{t.bad ? '✕' : '✓'}</b> {t.text}</span>
          {t.link && <a href={t.link.to} onClick={(e) => { e.preventDefault(); drop(t.id); go(t.link!.to); }}>{t.link.text}</a>}
          <button type="button" class="btn ghost icon" aria-label="Put away" onClick={() => drop(t.id)}>✕</button>
        </div>
      ))}
    </div>
  );
}
