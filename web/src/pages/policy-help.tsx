// What the policies say to a certificate's form while it is filled in.
import { useEffect, useState } from 'preact/hooks';
import { api, type Schemas } from '../api';
import { date, plural } from '../format';
import { may } from '../session';
import { Note } from '../ui/bits';

type Answer = Schemas['PolicyCheck'];
const JUDGED = ['name', 'names', 'tags', 'connector', 'key_alg', 'key_policy', 'validity_days'];

function inWords({ policies, limits: l }: Answer): string {
  const parts = [
    l.max_days > 0 && `at most ${plural(l.max_days, 'day')}`, l.key_algs.length ? `keys ${l.key_algs.join(', ')}` : 'no key algorithm is left',
    l.custodies.length < 3 && `custody ${l.custodies.join(', ') || 'none is left'}`, l.max_names > 0 && `at most ${plural(l.max_names, 'name')}`, !l.wildcards && 'no wildcard names',
    l.approval === 'four eyes' ? 'a second person approves the plan' : l.approval === 'required' && 'a person approves the plan',
    !l.deploys_now && (l.deploys_at ? `deployed from ${date(l.deploys_at)} ${l.deploys_at.slice(11, 16)} UTC on` : 'its deployment windows never meet'),
  ];
  return `${policies.join(', ')}: ${parts.filter(Boolean).join('; ')}`;
}

export function PolicyHelp({ body }: { body: Record<string, unknown> }) {
  const [answer, set] = useState<Answer | null>(null);
  const asked = JSON.stringify(Object.fromEntries(JUDGED.map((n) => [n, body[n]])));
  useEffect(() => {
    if (!may('POLICY_READ')) return;
    let alive = true;
    const timer = setTimeout(() => {
      // What cannot be read yet (a name half typed) has its error when it is saved.
      api.post('/api/v1/policies/check', { body: JSON.parse(asked) as Schemas['CertInput'] }).then((r) => alive && set(r.data), () => alive && set(null));
    }, 300);
    return () => { alive = false; clearTimeout(timer); };
  }, [asked]);
  if (!answer) return null;
  return (
    <div class="stack tight" role="status" aria-label="Policy">
      {answer.findings.map((f) => <Note key={f.policy + f.text} tone="warn">{f.text}</Note>)}
      {answer.allowed && answer.policies.length > 0 && <Note tone="ok">The policies allow this. {inWords(answer)}.</Note>}
    </div>
  );
}
