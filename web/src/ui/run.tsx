// A check run from a page, its steps shown as they happen: "Test connection" and "Test".
import { useEffect, useRef } from 'preact/hooks';
import { Link } from '../router';
import { useJob } from '../pages/Job';
import { OPEN } from '../pages/job-actions';
import { Loading, Note, Pill, Trouble } from './bits';
import { Steps } from './steps';

export function Run({ job, onDone }: { job: string; onDone: () => void }) {
  const { data: j, error } = useJob(job);
  const told = useRef('');
  useEffect(() => {
    if (j && !OPEN.includes(j.state) && told.current !== j.id) {
      told.current = j.id;
      onDone();
    }
  }, [j]);
  if (!j) return error ? <Trouble text={error} /> : <Loading />;
  return (
    <section class="card" aria-label="Test" aria-live="polite">
      <div class="bar"><h2>{j.title}</h2><Pill word={j.state} /><span class="grow" /><Link to={`/jobs/${j.id}`}>Open the job</Link></div>
      <Steps steps={j.steps} />
      {j.error && <Note tone="bad">{j.error}{j.advice && <p><strong>What to do:</strong> {j.advice}</p>}</Note>}
    </section>
  );
}
