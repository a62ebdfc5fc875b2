// All work: the list of jobs.
import type { Job } from '../api';
import { List } from '../table';
import { Empty } from '../ui/bits';
import { useJobActions } from './job-actions';

export function Jobs() {
  const { items, dialog } = useJobActions();
  return (
    <>
      <List table="job" title="Jobs" actions={(row, reload) => items(row as unknown as Job, reload)} extra={['state', 'kind', 'title']}
        empty={<Empty title="No jobs yet"><p>Everything that takes longer than a moment is a job: an issue, a deployment, a check of a server. Its page shows each step as it happens and is evidence afterwards.</p></Empty>} />
      {dialog}
    </>
  );
}
