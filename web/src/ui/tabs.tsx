// The parts of a page as links, so that each has its own address.
import { Link } from '../router';

export function Tabs({ base, now, tabs }: { base: string; now: string; tabs: [string, string][] }) {
  return (
    <nav class="tabs" aria-label="Parts of this page">
      {tabs.map(([tab, text], i) => <Link key={tab} to={i === 0 ? base : `${base}/${tab}`} aria-current={tab === now || (i === 0 && now === '') ? 'page' : undefined}>{text}</Link>)}
    </nav>
  );
}
