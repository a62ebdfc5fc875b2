// The numbers of Home, shared by the menu and the page, read again when something changed.
import { api, type Home } from './api';
import { onChange } from './events';
import { session } from './session';
import { store } from './store';

export const home = store<Home | null>(null);
export const homeError = store('');
const EVERY_MS = 60000;

export async function loadHome(): Promise<void> {
  if (!session.get()) return;
  try {
    home.set((await api.get('/api/v1/home')).data);
    homeError.set('');
  } catch (e) {
    homeError.set((e as Error).message);
  }
}

session.watch(() => void loadHome());
onChange(['cert', 'server', 'connector', 'order', 'job'], () => void loadHome());
setInterval(() => { if (!document.hidden) void loadHome(); }, EVERY_MS);
