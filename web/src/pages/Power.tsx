// Power: restart and switch off, with what is at work.
import { useState } from 'preact/hooks';
import { api } from '../api';
import { useLoad } from '../load';
import { Link } from '../router';
import { Head, Loading, Trouble } from '../ui/bits';
import { Confirm } from '../ui/dialog';
import { say } from '../ui/toast';

export function Power() {
  const power = useLoad(async () => (await api.get('/api/v1/system/power')).data, [], ['job']);
  const [asking, ask] = useState<'restart' | 'off' | null>(null);
  if (!power.data) return <><Head title="Power" />{power.error ? <Trouble text={power.error} /> : <Loading />}</>;
  const jobs = power.data.jobs;
  const work = jobs.length > 0 && (
    <>
      <p>{jobs.length === 1 ? 'One job is' : `${jobs.length} jobs are`} at work. It stops where it is and goes on after the next start:</p>
      <ul>{jobs.map((j) => <li key={j.id}><Link to={`/jobs/${j.id}`}>{j.title}</Link></li>)}</ul>
    </>
  );
  return (
    <>
      <Head title="Power" />
      <Trouble text={power.error} />
      <section class="card">
        <h2>Restart</h2>
        <p>The appliance stops all work and starts again. What your servers serve goes on. After the start it needs the unlock passphrase.</p>
        {work}
        <div class="bar"><button type="button" class="btn" onClick={() => ask('restart')}>Restart the appliance</button></div>
      </section>
      <section class="card">
        <h2>Switch off</h2>
        <p>Nothing is renewed while it is off. Somebody has to switch it on at the machine or its host.</p>
        <div class="bar"><button type="button" class="btn danger" onClick={() => ask('off')}>Switch off</button></div>
      </section>
      {asking && (
        <Confirm title={asking === 'restart' ? 'Restart the appliance' : 'Switch the appliance off'} action={asking === 'restart' ? 'Restart' : 'Switch off'} danger={asking === 'off'} onClose={() => ask(null)}
          run={async () => {
            await api.post('/api/v1/system/power', { body: { act: asking } });
            say(asking === 'restart' ? 'The appliance restarts.' : 'The appliance switches itself off.');
          }}>
          {work || <p>No job is at work.</p>}
        </Confirm>
      )}
    </>
  );
}
