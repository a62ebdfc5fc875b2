// What can be done with a job: approve, cancel, retry, roll back.
import { useState } from 'preact/hooks';
import { api, type Job } from '../api';
import { navigate } from '../router';
import { may } from '../session';
import { Confirm } from '../ui/dialog';
import type { MenuItem } from '../ui/menu';
import { complain, say } from '../ui/toast';

export const OPEN = ['Queued', 'Running', 'Waiting', 'Needs Approval'];
export const canRetry = (j: Job) => ['Failed', 'Rolled Back', 'Cancelled'].includes(j.state);
export const canRollBack = (j: Job) => j.kind === 'deploy' && j.state === 'Done' && !j.dry_run && !j.unchanged;
export const canCancel = (j: Job) => OPEN.includes(j.state) && !j.cancelling;

export async function approve(j: Job, reload: () => void): Promise<void> {
  try {
    await api.post('/api/v1/jobs/{id}/approve', { id: j.id, ifMatch: `"${j.rev}"` });
    say('The plan is approved: the job goes on.');
    reload();
  } catch (e) {
    complain(e);
  }
}

export async function retry(j: Job, step?: string): Promise<void> {
  try {
    const r = await api.post('/api/v1/jobs/{id}/retry', { id: j.id, body: step ? { step } : {} });
    say('The job runs again.');
    navigate(`/jobs/${r.data.job}`);
  } catch (e) {
    complain(e);
  }
}

export function useJobActions() {
  const [asked, ask] = useState<{ what: 'cancel' | 'rollback'; job: Job; reload: () => void } | null>(null);
  const items = (j: Job, reload: () => void): MenuItem[] => [
    { label: 'Open', run: () => navigate(`/jobs/${j.id}`) },
    ...(may('DEPLOY_APPROVE') && j.state === 'Needs Approval' ? [{ label: 'Approve', run: () => void approve(j, reload) }] : []),
    ...(may('JOB_WRITE') && canRetry(j) ? [{ label: 'Retry', run: () => void retry(j) }] : []),
    ...(may('JOB_WRITE') && canRollBack(j) ? [{ label: 'Roll back', run: () => ask({ what: 'rollback', job: j, reload }) }] : []),
    ...(may('JOB_WRITE') && canCancel(j) ? [{ label: 'Cancel', run: () => ask({ what: 'cancel', job: j, reload }) }] : []),
  ];
  const dialog = asked && (asked.what === 'cancel' ? (
    <Confirm title="Cancel this job" action="Cancel the job" onClose={() => ask(null)}
      run={async () => { await api.post('/api/v1/jobs/{id}/cancel', { id: asked.job.id }); asked.reload(); }}>
      <p><strong>{asked.job.title}</strong></p>
      <p>The job stops at its next safe point. A deployment under way is rolled back: the former certificate serves again.</p>
    </Confirm>
  ) : (
    <Confirm title="Roll back this deployment" action="Roll back" onClose={() => ask(null)}
      run={async () => navigate(`/jobs/${(await api.post('/api/v1/jobs/{id}/rollback', { id: asked.job.id })).data.job}`)}>
      <p><strong>{asked.job.title}</strong></p>
      <p>The files from before it are put back, the service is reloaded, and a handshake proves that the former certificate serves again.</p>
    </Confirm>
  ));
  return { items, ask, dialog };
}
