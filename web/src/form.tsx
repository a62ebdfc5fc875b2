// The one form, built from the fields the API publishes. Nothing typed is lost: not on an error, not
// when the session ends meanwhile, not when somebody else changed the record.
import type { ComponentChildren } from 'preact';
import { useId, useMemo, useRef, useState } from 'preact/hooks';
import { Problem, type Field } from './api';
import { Input } from './form/inputs';
import { check, editable, initial, limits, same, toSend, type Shape, type Value, type Values } from './form/values';
import { useLeaveGuard } from './router';
import { Trouble } from './ui/bits';

interface FormProps {
  fields: Field[];
  record?: Record<string, unknown> | undefined; // what is stored: only changes are sent
  groups?: { title: string; names: string[] }[];
  shape?: Shape;
  action: string;
  save: (body: Record<string, unknown>) => Promise<unknown>;
  reread?: () => Promise<unknown>; // after 412: take what is stored, keep what was typed
  onCancel?: () => void;
  cancel?: string;
  also?: { label: string; busy: boolean; run: (body: Record<string, unknown>) => Promise<unknown> }; // with what is typed, saving nothing
  aside?: (body: Record<string, unknown>) => ComponentChildren; // what depends on all that is typed so far
}

const NO_SHAPE: Shape = {};

export function Form({ fields, record, groups, shape = NO_SHAPE, action, save, reread, onCancel, cancel = 'Cancel', also, aside }: FormProps) {
  const base = useId();
  const mine = useMemo(() => editable(fields, shape), [fields]);
  const [typed, setTyped] = useState<Values>({});
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState<'' | 'save' | 'also'>('');
  const root = useRef<HTMLFormElement>(null);

  const stored = (f: Field) => initial(f, record?.[f.name]);
  const value = (f: Field): Value => typed[f.name] ?? stored(f);
  const kept = (f: Field) => record?.[`has_${f.name}`] === true;
  const all: Values = Object.fromEntries(mine.map((f) => [f.name, value(f)]));
  const visible = mine.filter((f) => shape.when?.[f.name]?.(all) ?? true);
  const dirty = mine.some((f) => f.name in typed && !same(typed[f.name], stored(f)));
  useLeaveGuard(dirty && !busy);

  const focusOn = (name: string) => requestAnimationFrame(() => {
    const el = document.getElementById(`${base}-${name}`);
    el?.closest('details')?.setAttribute('open', '');
    el?.focus();
  });
  const submit = async (send: (body: Record<string, unknown>) => Promise<unknown>, saves: boolean) => {
    if (busy) return;
    const found: Record<string, string> = {};
    for (const f of visible) {
      const text = check(f, value(f), kept(f));
      if (text) found[f.name] = text;
    }
    setErrors(found);
    setProblem(null);
    const first = visible.find((f) => found[f.name]);
    if (first) {
      focusOn(first.name);
      return;
    }
    const body: Record<string, unknown> = {};
    for (const f of visible) {
      if (f.kind === 'secret' ? value(f) === '' : record ? same(value(f), stored(f)) : value(f) === '' && !f.required) continue;
      body[f.name] = toSend(f, value(f));
    }
    setBusy(saves ? 'save' : 'also');
    try {
      await send(body);
      if (saves) setTyped({});
    } catch (err) {
      const p = err instanceof Problem ? err : new Problem(0, 'Not done', String(err));
      const name = p.field?.split('.').pop();
      setProblem(p);
      if (name && visible.some((f) => f.name === name)) {
        setErrors({ [name]: p.message });
        focusOn(name);
      } else root.current?.querySelector<HTMLElement>('.trouble')?.scrollIntoView({ block: 'nearest' });
    }
    setBusy('');
  };

  const row = (f: Field) => {
    const id = `${base}-${f.name}`, error = errors[f.name] ?? '';
    const help = [f.kind === 'bool' ? '' : f.help, f.kind === 'list' && !shape.choices?.[f.name] ? 'one per line' : '', limits(f)].filter(Boolean).join(' · ');
    const described = [help && `${id}-help`, error && `${id}-error`].filter(Boolean).join(' ') || undefined;
    return (
      <div key={f.name} class={`field ${error ? 'wrong' : ''}`}>
        <label for={id}>{f.label}{f.required && <span class="req" aria-hidden="true"> required</span>}</label>
        <Input field={f} id={id} value={value(f)} kept={kept(f)} shape={shape} described={described} invalid={!!error}
          set={(v) => { setTyped((t) => ({ ...t, [f.name]: v })); if (error) setErrors(({ [f.name]: _, ...rest }) => rest); }} />
        {error && <p class="error" id={`${id}-error`}><b aria-hidden="true">✕ </b>{error}</p>}
        {help && <p class="help" id={`${id}-help`}>{help}{f.example && <>{help && '. '}Example: <code>{f.example}</code></>}</p>}
      </div>
    );
  };

  const named = new Set(groups?.flatMap((g) => g.names));
  const rest = visible.filter((f) => !named.has(f.name));
  const advanced = rest.filter((f) => f.advanced);
  const section = (title: string, list: Field[]) => list.length > 0 && (
    <fieldset key={title}><legend>{title}</legend><div class="fields">{list.map(row)}</div></fieldset>
  );
  return (
    <form ref={root} class="form" onSubmit={(e) => { e.preventDefault(); void submit(save, true); }} noValidate>
      {problem && Object.keys(errors).length === 0 && (
        <Trouble text={problem.message}>
          {problem.status === 412 && reread && <p><button type="button" class="btn" onClick={() => void reread().then(() => setProblem(null))}>Take what is stored now, keep what I typed</button></p>}
        </Trouble>
      )}
      {groups
        ? <>{groups.map((g) => section(g.title, g.names.map((n) => visible.find((f) => f.name === n)).filter((f) => f !== undefined)))}{section('More', rest.filter((f) => !f.advanced))}</>
        : <div class="fields">{rest.filter((f) => !f.advanced).map(row)}</div>}
      {advanced.length > 0 && <details class="advanced"><summary>Advanced</summary><div class="fields">{advanced.map(row)}</div></details>}
      <div class="stack tight sticky-foot">
        {aside?.(Object.fromEntries(visible.filter((f) => f.kind !== 'secret').map((f) => [f.name, toSend(f, value(f))])))}
        <div class="bar">
          <button type="submit" class="btn primary" aria-disabled={!!busy}>{busy === 'save' ? 'Saving…' : action}</button>
          {also && <button type="button" class="btn" aria-disabled={!!busy || also.busy} onClick={() => void (also.busy || submit(also.run, false))}>{also.label}</button>}
          {onCancel && <button type="button" class="btn" onClick={onCancel}>{cancel}</button>}
          {dirty && <span class="soft">Not saved yet</span>}
        </div>
      </div>
    </form>
  );
}
