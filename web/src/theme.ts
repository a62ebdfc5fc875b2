// Light, dark or the system's, kept in this browser.
import type { MenuItem } from './ui/menu';

const KEY = 'certkeep.theme';
const NAMES: Record<string, string> = { '': 'Theme of the system', light: 'Light theme', dark: 'Dark theme' };

function apply(theme: string) {
  document.documentElement.style.colorScheme = theme || 'light dark';
}
apply(localStorage.getItem(KEY) ?? '');

export function themeItems(): MenuItem[] {
  const now = localStorage.getItem(KEY) ?? '';
  return Object.entries(NAMES).map(([theme, label]) => ({
    label,
    checked: theme === now,
    run: () => {
      if (theme) localStorage.setItem(KEY, theme);
      else localStorage.removeItem(KEY);
      apply(theme);
    },
  }));
}
