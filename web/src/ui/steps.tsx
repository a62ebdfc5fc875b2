// The steps of a job with state, time and evidence, one under the other.
import type { Schemas } from '../api';
import { duration } from '../format';
import { useTick } from './bits';

type Step = Schemas['JobStep'];
const SIGNS: Record<Step['state'], [sign: string, tone: string]> = {
  waiting: ['', 'soft'], running: ['…', 'info'], done: ['✓', 'ok'], skipped: ['–', 'soft'], failed: ['✕', 'bad'], 'rolled back': ['↺', 'bad'],
};

export function Steps({ steps, onRetry }: { steps: Step[]; onRetry?: ((step: string) => void) | undefined }) {
  useTick(1000, steps.some((s) => s.state === 'running'));
  return (
    <ol class="steps plain" aria-label="Steps">
      {steps.map((s) => {
        const [sign, tone] = SIGNS[s.state];
        const took = s.state === 'waiting' || s.state === 'skipped' ? '' : duration(s.started_at, s.finished_at);
        return (
          <li key={s.name} class={tone} aria-current={s.state === 'running' ? 'step' : undefined}>
            <span class={`dot ${s.state === 'done' ? 'full' : ''}`} aria-hidden="true"><b>{sign}</b></span>
            <div>
              <strong>{s.title}</strong> <span class="sr">{s.state}</span>
              {s.text && <div class="soft">{s.text}</div>}
              {s.evidence && <details><summary>Evidence</summary><pre tabIndex={0}>{s.evidence}</pre></details>}
              {onRetry && s.state === 'failed' && <div><button type="button" class="btn small" onClick={() => onRetry(s.name)}>Retry from here</button></div>}
            </div>
            <span class="n">{took}</span>
          </li>
        );
      })}
    </ol>
  );
}
