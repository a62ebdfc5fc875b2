// What a form holds while it is filled in (texts, flags), what is sent of it, and the checks that
// need no server: required, length, range. The server checks everything again.
import type { Field } from '../api';

export type Value = string | boolean | string[];
export type Values = Record<string, Value>;

export interface Shape {
  choices?: Record<string, string[]>; // fields whose values are known to the page
  hints?: Record<string, Record<string, string>>; // a word on each choice
  when?: Record<string, (v: Values) => boolean>; // fields that matter only sometimes
  pick?: Record<string, string[]>; // filters for the records an id field offers
  leave?: string[]; // fields the page does not show
}

export function editable(fields: Field[], shape: Shape): Field[] {
  return fields.filter((f) => !f.readonly && f.kind !== 'bytes' && !shape.leave?.includes(f.name));
}

function toLocal(iso: string): string {
  const d = new Date(iso);
  return new Date(d.getTime() - d.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}

/* From a record or a default to what an input holds. */
export function initial(f: Field, from: unknown): Value {
  if (f.kind === 'secret') return '';
  const v = from ?? (f as { initial?: unknown }).initial;
  if (f.kind === 'bool') return v === true || v === 'true';
  if (['list', 'choices', 'ids'].includes(f.kind)) return Array.isArray(v) ? (v as string[]) : typeof v === 'string' && v ? v.split(' ') : [];
  if (f.kind === 'time') return typeof v === 'string' && v ? toLocal(v) : '';
  return v === null || v === undefined ? '' : String(v);
}

export function toSend(f: Field, v: Value): unknown {
  if (f.kind === 'int') return v === '' ? null : Number(v);
  if (f.kind === 'time') return v === '' ? null : new Date(v as string).toISOString().replace(/\.\d+Z$/, 'Z');
  return v;
}

const BYTES = new TextEncoder();

export function check(f: Field, v: Value, kept: boolean): string {
  const empty = v === '' || (Array.isArray(v) && v.length === 0) || (f.kind === 'bool' && v === false);
  if (empty) {
    if (!f.required || (f.kind === 'secret' && kept)) return '';
    return f.kind === 'bool' ? `${f.label}: has to be agreed to` : `${f.label}: is needed${f.example ? `, for example ${f.example}` : ''}`;
  }
  if (f.kind === 'int') {
    const n = Number(v);
    if (!Number.isInteger(n)) return `${f.label}: expected a whole number`;
    if (f.min !== undefined && n < f.min) return `${f.label}: expected at least ${f.min}`;
    if (f.max !== undefined && n > f.max) return `${f.label}: expected at most ${f.max}`;
  } else if (typeof v === 'string' && f.max && BYTES.encode(v).length > f.max) return `${f.label}: expected at most ${f.max} characters`;
  else if (f.kind === 'path' && !String(v).startsWith('/')) return `${f.label}: expected a full path that begins with /`;
  return '';
}

export function limits(f: Field): string {
  if (f.kind === 'int' && f.min !== undefined && f.max !== undefined && f.max < 1e9) return `${f.min} to ${f.max}`;
  if (f.kind === 'text' && f.min && f.min > 1) return `${f.min} to ${f.max} characters`;
  return '';
}

export const same = (a: Value | undefined, b: Value) => JSON.stringify(a) === JSON.stringify(b);
