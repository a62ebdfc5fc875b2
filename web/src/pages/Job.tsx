// One job: steps on the left, plan and live log on the right. It follows the event stream, survives a
// reload, and is evidence afterwards.
import { useEffect, useRef, useState } from 'preact/hooks';
import { api, getText, type JobDetail, type Schemas } from '../api';
import { clock, duration } from '../format';
import { followJob } from '../events';
import { useLoad } from '../load';
import { pageOf } from '../records';
import { Link } from '../router';
import { may } from '../session';
import { Copy, Facts, Head, Loading, Note, Pill, Trouble, useTick, When, type Fact } from '../ui/bits';
import { Steps } from '../ui/steps';
import { approve, canCancel, canRetry, canRollBack, OPEN, retry, useJobActions } from './job-actions';

type Line = Schemas['LogLine'];

/* The job and its log; asks again when the stream says that there is more. */
export function useJob(id: string) {
  const job = useLoad(async () => (await api.get('/api/v1/jobs/{id}', { id })).data, [id]);
  const [log, setLog] = useState<Line[]>([]);
  const next = useRef(1);
  useEffect(() => {
    let alive = true, reading = false, more = false;
    next.current = 1;
    setLog([]);
    const readLog = async () => {
      more = true;
      if (reading) return;
      reading = true;
      while (more && alive) {
        more = false;
        try {
          const { data } = await api.get('/api/v1/jobs/{id}/log', { id, query: { from: next.current } });
          if (!alive || data.items.length === 0) continue;
          next.current = data.next;
          setLog((old) => [...old, ...data.items]);
        } catch {
          break; // the job itself says what is wrong
        }
      }
      reading = false;
    };
    void readLog();
    const end = followJob(id, (event) => {
      if (event === 'job') void job.reload();
      void readLog();
    });
    return () => {
      alive = false;
      end();
    };
  }, [id]);
  return { ...job, log };
}

export function Job({ id }: { id: string }) {
  const { data: j, error, log, reload } = useJob(id);
  const { ask, dialog } = useJobActions();
  const again = () => void reload();
  if (!j) return error ? <Trouble text={error} /> : <Loading />;
  const at = j.steps.findIndex((s) => s.state === 'running');
  return (
    <>
      <Head title={j.title} up={{ to: '/jobs', text: 'Jobs' }}
        pills={<><Pill word={j.state} />{at >= 0 && <span class="soft">step {at + 1} of {j.steps.length}</span>}{j.dry_run && <span class="tag">dry run</span>}</>}>
        {j.state === 'Needs Approval' && may('DEPLOY_APPROVE') && <button type="button" class="btn primary" onClick={() => void approve(j, again)}>Approve</button>}
        {canRetry(j) && may('JOB_WRITE') && <button type="button" class="btn primary" onClick={() => void retry(j)}>Retry</button>}
        <Copy label="Copy report" text={() => getText(`/api/v1/jobs/${id}/report`)} />
        {canRollBack(j) && may('JOB_WRITE') && <button type="button" class="btn" onClick={() => ask({ what: 'rollback', job: j, reload: again })}>Roll back</button>}
        {canCancel(j) && may('JOB_WRITE') && <button type="button" class="btn" onClick={() => ask({ what: 'cancel', job: j, reload: again })}>Cancel</button>}
      </Head>
      <p class="sr" role="status">{j.state}{at >= 0 ? `, ${j.steps[at]!.title}` : ''}</p>
      {j.state === 'Needs Approval' && <Note tone="warn"><strong>The plan waits for approval.</strong> {may('DEPLOY_APPROVE') ? 'Read it, then approve or cancel. Nothing was changed yet.' : 'Somebody with the role approver has to read it. Nothing was changed yet.'}</Note>}
      {j.error && <Note tone="bad"><strong>{j.cause ? `Cause: ${j.cause}. ` : ''}</strong>{j.error}{j.advice && <p><strong>What to do:</strong> {j.advice}</p>}</Note>}
      {!j.error && j.cancelling && OPEN.includes(j.state) && <Note tone="info">The job is stopping at its next safe point.</Note>}
      {j.state === 'Waiting' && j.next_at && <Note tone="info">It goes on <When at={j.next_at} />.</Note>}
      <div class="job">
        <div class="stack">
          <section class="card"><h2>Steps</h2><Steps steps={j.steps} onRetry={canRetry(j) && may('JOB_WRITE') ? (step) => void retry(j, step) : undefined} /></section>
          <section class="card"><h2>About</h2><About j={j} /></section>
        </div>
        <div class="stack">
          {j.plan_text && <section class="card"><div class="bar"><h2>Plan</h2><span class="grow" />{j.approved && <span class="soft small">approved{j.approved_by && ` by ${j.approved_by}`}</span>}</div>
            {j.risks.length > 0 && <Note tone="warn"><strong>Risks:</strong> {j.risks.join('; ')}</Note>}<Plan text={j.plan_text} /></section>}
          <section class="card"><h2>Log</h2><Log lines={log} running={OPEN.includes(j.state)} /></section>
          {j.journal.length > 0 && <section class="card"><details><summary>Journal, {j.journal.length} entries</summary><Journal list={j.journal} /></details></section>}
        </div>
      </div>
      {dialog}
    </>
  );
}

function About({ j }: { j: JobDetail }) {
  useTick(1000, OPEN.includes(j.state) && !!j.started_at);
  const ref = (record: string, id: string, text: string): Fact => id !== '' && [text, <Link to={pageOf(record, id)}>Open</Link>];
  return (
    <Facts list={[
      ['Kind', j.kind], ['Requested By', j.requested_by], ['Started', <When at={j.started_at} none="not yet" />],
      ['Took', duration(j.started_at, j.finished_at)], j.attempts > 1 && ['Attempts', String(j.attempts)],
      ref('cert', j.cert, 'Certificate'), ref('server', j.server, 'Server'), ref('order', j.order, 'Order'), ref('connector', j.connector, 'Connector'), ref('job', j.follows, 'Follows'),
      !!j.follows_up?.length && ['Started', j.follows_up.map((id) => <Link key={id} to={`/jobs/${id}`}>Open </Link>)],
    ]} />
  );
}

function Plan({ text }: { text: string }) {
  return (
    <pre tabIndex={0} class="plan">
      {text.split('\n').map((line, i) => <span key={i} class={/^(\+|\s+new:)/.test(line) ? 'ok' : /^(-|\s+now:)/.test(line) ? 'bad' : ''}>{line}{'\n'}</span>)}
    </pre>
  );
}

/* Follows its end, unless somebody scrolled up to read. */
function Log({ lines, running }: { lines: Line[]; running: boolean }) {
  const box = useRef<HTMLPreElement>(null);
  const follow = useRef(true);
  useEffect(() => {
    if (follow.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines.length]);
  if (!lines.length) return <p class="soft">{running ? 'Nothing is logged yet.' : 'Nothing was logged.'}</p>;
  return (
    <pre ref={box} tabIndex={0} class="log" role="log" aria-label="Log"
      onScroll={(e) => { const b = e.currentTarget; follow.current = b.scrollHeight - b.scrollTop - b.clientHeight < 24; }}>
      {lines.map((l) => <span key={l.seq}><time dateTime={l.time}>{clock(l.time, true)}</time> {l.line}{'\n'}</span>)}
    </pre>
  );
}

function Journal({ list }: { list: Schemas['JournalEntry'][] }) {
  return (
    <ol class="timeline plain">
      {list.map((e) => (
        <li key={e.seq}><time dateTime={e.time} class="mono">{clock(e.time, true)}</time>
          <div><strong>{e.step}</strong> {e.event}: {e.text}{e.evidence && <pre tabIndex={0}>{e.evidence}</pre>}</div></li>
      ))}
    </ol>
  );
}
