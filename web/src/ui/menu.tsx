// A button with a menu: arrows, Home, End and first letters move, Escape closes and gives focus back.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { place } from './place';

export interface MenuItem {
  label: string;
  run: () => void;
  danger?: boolean;
  checked?: boolean; // a choice of several: the menu stays what it is, the mark moves
  why?: string | undefined; // why it cannot be done now
}

interface MenuProps { label: string; items: MenuItem[]; children: ComponentChildren; class?: string }

export function Menu({ label, items, children, class: cls = 'btn' }: MenuProps) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);

  useEffect(() => {
    const el = list.current;
    if (!open || !el || !button.current) return;
    el.showPopover();
    place(el, button.current, true);
    el.querySelector<HTMLElement>('[role^=menuitem]')?.focus();
    const close = () => setOpen(false);
    window.addEventListener('resize', close);
    window.addEventListener('scroll', close, true);
    return () => {
      window.removeEventListener('resize', close);
      window.removeEventListener('scroll', close, true);
    };
  }, [open]);

  const move = (e: KeyboardEvent) => {
    const all = [...list.current!.querySelectorAll<HTMLElement>('[role^=menuitem]')];
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = e.key === 'ArrowDown' ? (at + 1) % all.length
      : e.key === 'ArrowUp' ? (at - 1 + all.length) % all.length
      : e.key === 'Home' ? 0 : e.key === 'End' ? all.length - 1
      : e.key.length === 1 ? all.findIndex((x, i) => i !== at && x.textContent!.toLowerCase().startsWith(e.key.toLowerCase()))
      : -1;
    if (e.key === 'Escape' || e.key === 'Tab') {
      setOpen(false);
      button.current?.focus();
    } else if (to >= 0) all[to]!.focus();
    else return;
    if (e.key !== 'Tab') e.preventDefault();
    e.stopPropagation();
  };
  const pick = (item: MenuItem) => {
    if (item.why) return;
    setOpen(false);
    button.current?.focus();
    item.run();
  };

  return (
    <>
      <button ref={button} type="button" class={cls} aria-haspopup="menu" aria-expanded={open} aria-label={label}
        onClick={(e) => { e.stopPropagation(); setOpen(!open); }}>{children}</button>
      {open && (
        <div ref={list} id={id} role="menu" aria-label={label} popover="auto" class="menu" onKeyDown={move}
          onToggle={(e) => { if ((e as ToggleEvent).newState === 'closed') setOpen(false); }}>
          {items.map((item) => (
            <button key={item.label} type="button" role={item.checked === undefined ? 'menuitem' : 'menuitemradio'}
              aria-checked={item.checked} aria-disabled={item.why ? true : undefined} class={item.danger ? 'danger' : ''}
              onClick={(e) => { e.stopPropagation(); pick(item); }} tabIndex={-1}>
              <span>{item.checked ? '✓ ' : ''}{item.label}</span>
              {item.why && <small>{item.why}</small>}
            </button>
          ))}
        </div>
      )}
    </>
  );
}
