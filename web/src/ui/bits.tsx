// The small pieces every page uses: pill, time, error, facts, copy, head of a page, empty state.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { daysLeft, exact, relative, tone, type Tone } from '../format';
import { Link } from '../router';
import { Tip } from './tip';
import { complain, say } from './toast';

export function Pill({ word, as }: { word: string; as?: Tone }) {
  const [t, sign] = tone(word);
  return <span class={`pill ${as ?? t}`}><span aria-hidden="true">{sign}</span>{word}</span>;
}

/* Re-renders its caller every `ms`, so that relative times stay true. */
export function useTick(ms: number, on = true): void {
  const [, set] = useState(0);
  useEffect(() => {
    if (!on) return;
    const t = setInterval(() => set((n) => n + 1), ms);
    return () => clearInterval(t);
  }, [ms, on]);
}

export function When({ at, none = 'never' }: { at: string | null | undefined; none?: string }) {
  useTick(30000);
  if (!at) return <span class="soft">{none}</span>;
  return <Tip text={exact(at)} class="when"><time dateTime={at}>{relative(at)}</time></Tip>;
}

export function Life({ from, to }: { from?: string | null | undefined; to: string }) {
  const days = daysLeft(to);
  const end = new Date(to).getTime(), start = from ? new Date(from).getTime() : end - 90 * 86400000;
  const left = Math.max(0, Math.min(1, (end - Date.now()) / Math.max(1, end - start)));
  const t: Tone = days < 0 || days < 3 ? 'bad' : left < 1 / 3 ? 'warn' : 'ok';
  return (
    <svg class={`life ${t}`} viewBox="0 0 96 6" aria-hidden="true" focusable="false">
      <rect width="96" height="6" rx="3" class="life-bed" />
      {left > 0 && <rect width={Math.max(4, left * 96)} height="6" rx="3" fill="currentColor" />}
    </svg>
  );
}

export function Trouble({ text, children }: { text: string; children?: ComponentChildren }) {
  if (!text) return null;
  return <div class="trouble" role="alert"><b aria-hidden="true">✕</b><div>{text}{children}</div></div>;
}

export function Note({ tone: t, children }: { tone: Tone; children: ComponentChildren }) {
  const sign = { ok: '✓', warn: '!', bad: '✕', info: 'i', soft: '·' }[t];
  return <div class={`note ${t}`}><b aria-hidden="true">{sign}</b><div>{children}</div></div>;
}

export type Fact = [label: string, value: ComponentChildren] | false | '' | null | undefined;
export function Facts({ list }: { list: Fact[] }) {
  return (
    <dl class="facts">
      {list.filter((f) => !!f).map(([label, value]) => (
        <div key={label}><dt>{label}</dt><dd>{value === '' || value === null || value === undefined || value === false || (Array.isArray(value) && !value.length) ? <span class="soft">none</span> : value}</dd></div>
      ))}
    </dl>
  );
}

export function Mono({ text, copy }: { text: string; copy?: boolean }) {
  if (!text) return <span class="soft">none</span>;
  return <span class="mono wrap">{text}{copy && <Copy text={text} small />}</span>;
}

function CopyIcon() {
  return (
    <svg width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.4" aria-hidden="true" focusable="false">
      <rect x="5.5" y="5.5" width="8" height="8" rx="1.5" /><path d="M10.5 3.2A1.2 1.2 0 0 0 9.3 2.5H4A1.5 1.5 0 0 0 2.5 4v5.3c0 .5.3 1 .7 1.2" />
    </svg>
  );
}

export function Copy({ text, label = 'Copy', small }: { text: string | (() => Promise<string>); label?: string; small?: boolean }) {
  const run = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === 'string' ? text : await text());
      say('Copied.');
    } catch (e) {
      complain(e);
    }
  };
  return small
    ? <button type="button" class="btn ghost icon" aria-label={label} onClick={run}><CopyIcon /></button>
    : <button type="button" class="btn" onClick={run}>{label}</button>;
}

interface HeadProps { title: ComponentChildren; up?: { to: string; text: string }; pills?: ComponentChildren; children?: ComponentChildren }
export function Head({ title, up, pills, children }: HeadProps) {
  return (
    <div class="head">
      {up && <Link to={up.to} class="up"><span aria-hidden="true">‹ </span>{up.text}</Link>}
      <div class="bar">
        <h1 tabIndex={-1}>{title}</h1>
        {pills}
        <span class="grow" />
        <div class="bar actions">{children}</div>
      </div>
    </div>
  );
}

export function Empty({ title, children }: { title: string; children: ComponentChildren }) {
  return <div class="empty"><h2>{title}</h2>{children}</div>;
}

export function Loading() {
  return <div class="loading" role="status"><span class="sr">Loading</span><i /><i /><i /></div>;
}
