// How the form of a certificate is ordered, and which of its fields depend on others.
import type { Shape } from '../form/values';

export const CERT_GROUPS = [
  { title: 'Certificate', names: ['name', 'names', 'subject', 'connector', 'profile', 'validity_days'] },
  { title: 'Key', names: ['key_alg', 'key_policy'] },
  { title: 'Deployment', names: ['bot', 'deployment_type', 'server', 'cert_path', 'key_path', 'port', 'sni'] },
  { title: 'Lifecycle', names: ['renewal', 'renew_days', 'approval', 'config_edits', 'deploy_after'] },
  { title: 'Order in the list', names: ['tags', 'batch'] },
];

export const CERT_SHAPE: Shape = {
  choices: { bot: ['built-in', ''] }, // the bot every appliance has; '' is Not Mapped
  pick: { connector: ['state:equals:Active'] },
  when: {
    renew_days: (v) => v.renewal !== 'manual',
    deploy_after: (v) => v.deployment_type !== 'manual',
  },
};
