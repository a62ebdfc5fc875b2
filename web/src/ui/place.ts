// Puts a popover under its anchor, or above it when there is no room, and inside the window.
export function place(el: HTMLElement, anchor: HTMLElement, end = false): void {
  const a = anchor.getBoundingClientRect(), b = el.getBoundingClientRect();
  const gap = 6;
  const below = a.bottom + gap + b.height <= innerHeight || a.top < b.height + gap;
  const left = end ? a.right - b.width : a.left;
  el.style.position = 'fixed';
  el.style.margin = '0';
  el.style.top = `${Math.max(gap, below ? a.bottom + gap : a.top - b.height - gap)}px`;
  el.style.left = `${Math.max(gap, Math.min(left, innerWidth - b.width - gap))}px`;
}
