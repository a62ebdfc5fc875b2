// A tooltip on hover and on focus; Escape puts it away, and the pointer may move onto it (WCAG 1.4.13).
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { place } from './place';

interface TipProps { text: string; children: ComponentChildren; class?: string; focusable?: boolean }

export function Tip({ text, children, class: cls, focusable = true }: TipProps) {
  const id = useId();
  const anchor = useRef<HTMLSpanElement>(null);
  const bubble = useRef<HTMLSpanElement>(null);
  const [open, setOpen] = useState(false);

  useEffect(() => {
    const el = bubble.current;
    if (!open || !el || !anchor.current) return;
    el.showPopover();
    place(el, anchor.current);
    const key = (e: KeyboardEvent) => {
      if (e.key !== 'Escape') return;
      e.stopPropagation();
      setOpen(false);
    };
    document.addEventListener('keydown', key, true);
    return () => {
      document.removeEventListener('keydown', key, true);
      if (el.isConnected) el.hidePopover();
    };
  }, [open]);

  return (
    <span class="tip" onMouseLeave={() => setOpen(false)}>
      <span ref={anchor} class={cls} tabIndex={focusable ? 0 : undefined} aria-describedby={open ? id : undefined}
        onMouseEnter={() => setOpen(true)} onFocusIn={() => setOpen(true)} onFocusOut={() => setOpen(false)}>
        {children}
      </span>
      {open && <span ref={bubble} id={id} role="tooltip" popover="manual" class="tip-text">{text}</span>}
    </span>
  );
}
