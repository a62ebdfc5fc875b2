// The first run: setup code from the console, first admin, unlock passphrase. One step at a time,
// sent as one.
import { useState } from 'preact/hooks';
import { api, Problem, type Field, type Schemas } from '../api';
import { Form } from '../form';
import { Note } from '../ui/bits';
import { loadState, signedIn, state } from '../session';
import { navigate } from '../router';
import { useStore } from '../store';

const text = (name: string, label: string, help: string, more: Partial<Field> = {}): Field => ({ name, label, kind: 'text', required: true, help, ...more });
const STEPS: { title: string; intro: string; fields: Field[] }[] = [
  {
    title: 'Setup code',
    intro: 'The setup code stands on the console of the appliance. It proves that whoever sets it up also has the machine.',
    fields: [text('setup_code', 'Setup code', 'As shown on the console; it works once.')],
  },
  {
    title: 'First admin',
    intro: 'This user may do everything, and adds the others. Use a name of your own, not a shared one.',
    fields: [
      text('username', 'User Name', 'Name to sign in with.', { example: 'alice', max: 64 }),
      text('full_name', 'Full Name', 'As shown to others.', { required: false, max: 100 }),
      text('password', 'Password', 'At least 12 characters.', { kind: 'password', max: 256 }),
      text('password2', 'Password again', '', { kind: 'password', max: 256 }),
    ],
  },
  {
    title: 'Unlock passphrase',
    intro: 'The passphrase opens the HSM token after each start. It is not stored: without it no key of this appliance can be used again. Keep it where two people can find it.',
    fields: [
      text('passphrase', 'Unlock passphrase', 'At least 12 characters; four words from a list are good.', { kind: 'password', max: 256 }),
      text('passphrase2', 'Passphrase again', '', { kind: 'password', max: 256 }),
      { name: 'names', label: 'Names of this UI', kind: 'list', required: false, help: 'Names and addresses for the certificate of this UI.', example: 'certkeep.corp.example' },
    ],
  },
];

/* Says what the server would say, before the last step. */
function early(step: number, v: Record<string, unknown>): { field: string; text: string } | null {
  for (const name of ['password', 'passphrase'])
    if (name in v && String(v[name]).length < 12) return { field: name, text: 'Expected at least 12 characters' };
  if (step === 1 && v.password !== v.password2) return { field: 'password2', text: 'The two passwords differ: type the same twice' };
  if (step === 2 && v.passphrase !== v.passphrase2) return { field: 'passphrase2', text: 'The two passphrases differ: type the same twice' };
  return null;
}

export function FirstRun() {
  const [step, setStep] = useState(0);
  const [all, setAll] = useState<Record<string, unknown>>({});
  const [first, setFirst] = useState<{ at: number; text: string } | null>(null);
  const s = useStore(state);
  const now = STEPS[step]!;
  const next = async (typed: Record<string, unknown>) => {
    const wrong = early(step, typed);
    if (wrong) throw new Problem(400, 'Input', wrong.text, wrong.field);
    const merged = { ...all, ...typed };
    setAll(merged);
    if (step + 1 < STEPS.length) return setStep(step + 1);
    const { password2: _, passphrase2: __, ...body } = merged;
    try {
      signedIn((await api.post('/api/v1/setup', { body: body as Schemas['Setup'] })).data);
    } catch (e) {
      const field = (e as Problem).field;
      const at = STEPS.findIndex((x) => x.fields.some((f) => f.name === field));
      if (at >= 0 && at !== step) {
        setFirst({ at, text: (e as Error).message });
        setStep(at);
        return;
      }
      throw e;
    }
    await loadState();
    navigate('/connectors', true);
  };
  return (
    <main class="gate wizard">
      <div class="brand big-brand">cert<span>keep</span></div>
      <h1>Set up this appliance</h1>
      <ol class="wizard-steps plain" aria-label="Steps">
        {STEPS.map((x, i) => <li key={x.title} aria-current={i === step ? 'step' : undefined} class={i < step ? 'done' : ''}><span class="dot" aria-hidden="true">{i < step ? '✓' : i + 1}</span>{x.title}</li>)}
      </ol>
      <p class="soft">{now.intro}</p>
      {first?.at === step && <Note tone="bad">{first.text}</Note>}
      <Form key={step} fields={now.fields} action={step + 1 < STEPS.length ? 'Continue' : 'Set up'} record={all} save={next}
        {...(step > 0 ? { onCancel: () => setStep(step - 1), cancel: 'Back' } : {})} />
      <p class="soft small">Version {s?.version}</p>
    </main>
  );
}
