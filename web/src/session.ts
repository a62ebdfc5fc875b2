// Who is signed in and what state the appliance is in. When a session ends or the appliance locks
// while a page is open, the page stays as it is under the sign-in or unlock form.
import { api, hooks, Problem, type Permission, type Session, type State } from './api';
import { store } from './store';

export const session = store<Session | null>(null);
export const state = store<State | null>(null);
export const unreachable = store<string>('');

let waiting: ((ok: boolean) => void)[] = [];

hooks.csrf = () => session.get()?.csrf ?? '';
hooks.signInAgain = () => {
  session.set(null);
  return new Promise((resolve) => waiting.push(resolve));
};
hooks.stateChanged = (s) => {
  if (s !== state.get()?.state) void loadState();
};

export async function loadState(): Promise<void> {
  try {
    state.set((await api.get('/api/v1/state')).data);
    unreachable.set('');
  } catch (e) {
    unreachable.set((e as Error).message);
  }
}

export async function loadSession(): Promise<void> {
  try {
    session.set((await api.get('/api/v1/session')).data);
  } catch (e) {
    if (!(e instanceof Problem) || e.status !== 401) throw e;
    session.set(null);
  }
}

export function signedIn(s: Session): void {
  session.set(s);
  const again = waiting;
  waiting = [];
  for (const resolve of again) resolve(true);
}

export async function signOut(): Promise<void> {
  await api.delete('/api/v1/session');
  location.assign('/'); // a fresh page: nothing of this user stays in memory
}

export function may(permission: Permission | null): boolean {
  return permission === null || (session.get()?.permissions.includes(permission) ?? false);
}
