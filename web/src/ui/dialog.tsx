// Modal dialogs on the native element, and the two questions that destructive acts ask.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { detailOf } from '../api';
import { Trouble } from './bits';

interface DialogProps { title: string; onClose: () => void; children: ComponentChildren; wide?: boolean; side?: boolean; fixed?: boolean }

export function Dialog({ title, onClose, children, wide, side, fixed }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    ref.current!.showModal();
    return () => before?.focus();
  }, []);
  const cancel = (e: Event) => {
    e.preventDefault();
    if (!fixed) onClose();
  };
  return (
    <dialog ref={ref} aria-labelledby={id} class={`dialog ${wide ? 'wide' : ''} ${side ? 'side' : ''}`} onCancel={cancel}
      onKeyDown={(e) => e.stopPropagation()}
      onMouseDown={(e) => { if (e.target === ref.current && !fixed) onClose(); }}>
      <div class="dialog-body">
        <div class="dialog-head">
          <h2 id={id}>{title}</h2>
          {!fixed && <button type="button" class="btn ghost icon" aria-label="Close" onClick={onClose}>✕</button>}
        </div>
        {children}
      </div>
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  children?: ComponentChildren;
  action: string;
  danger?: boolean;
  typed?: string; // the name to type: for delete and revoke only
  ready?: boolean;
  run: () => Promise<unknown>;
  onClose: () => void;
}

export function Confirm({ title, children, action, danger, typed, ready = true, run, onClose }: ConfirmProps) {
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const id = useId();
  const ok = ready && (typed === undefined || text === typed);
  const submit = async (e: Event) => {
    e.preventDefault();
    if (!ok || busy) return;
    setBusy(true);
    setError('');
    try {
      await run();
      onClose();
    } catch (err) {
      setError(detailOf(err));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit} class="stack">
        {children}
        {typed !== undefined && (
          <div class="field">
            <label for={id}>Type <strong class="mono">{typed}</strong> to go on</label>
            <input id={id} class="mono" value={text} autocomplete="off" spellcheck={false}
              onInput={(e) => setText(e.currentTarget.value)} />
          </div>
        )}
        <Trouble text={error} />
        <div class="bar end">
          <button type="button" class="btn" onClick={onClose}>Cancel</button>
          <button type="submit" class={`btn ${danger ? 'danger-fill' : 'primary'}`} aria-disabled={!ok || busy}>{busy ? 'Working…' : action}</button>
        </div>
      </form>
    </Dialog>
  );
}
