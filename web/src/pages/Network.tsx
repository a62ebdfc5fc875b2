// Network: what is set, what is tried until somebody confirms it, and what is in force.
import { useEffect, useState } from 'preact/hooks';
import { api, detailOf, type Reply, type Schemas } from '../api';
import { Form } from '../form';
import type { Shape } from '../form/values';
import { useLoad, useSchema } from '../load';
import { Facts, Head, Loading, Mono, Note, Pill, Trouble, useTick, When } from '../ui/bits';
import { say } from '../ui/toast';

type Net = Schemas['Network'];
type Interface = Schemas['Interface'];

const INTERFACE: Shape = {
  leave: ['name'],
  when: { address: (v) => v.ipv4 === 'static', gateway: (v) => v.ipv4 === 'static', address6: (v) => v.ipv6 === 'static' },
  hints: { ipv4: { dhcp: 'a DHCP server gives it', static: 'the address below', off: 'none' }, ipv6: { auto: 'router advertisements and DHCPv6', static: 'the address below', off: 'none' } },
};
const EVERY_MS = 5000;

export function Network() {
  const general = useSchema('network'), one = useSchema('interface');
  const net = useLoad(() => api.get('/api/v1/system/network'), []);
  if (!general.data || !one.data || !net.data) {
    const error = general.error || one.error || net.error;
    return <><Head title="Network" />{error ? <Trouble text={error} /> : <Loading />}</>;
  }
  const n = net.data.data, etag = net.data.etag;
  const set = n.pending ?? n.settings;
  const save = async (body: Schemas['NetworkInput']) => {
    net.set(await api.patch('/api/v1/system/network', { ifMatch: etag, body }));
    say('In force in a moment. Confirm it, or it goes back by itself.');
    requestAnimationFrame(() => document.getElementById('tried')?.scrollIntoView({ block: 'nearest' }));
  };
  return (
    <>
      <Head title="Network" />
      <Trouble text={net.error} />
      {n.pending && <Tried net={n} set={net.set} reload={net.reload} />}
      {n.of_image && !n.pending && <Note tone="info">Nothing was set here yet: the configuration of the image holds.</Note>}
      <section class="card">
        <h2>Names</h2>
        <Form fields={general.data.fields} record={set} action="Try it" reread={net.reload} save={(body) => save(body as Schemas['NetworkInput'])} />
      </section>
      {n.in_force.interfaces.map((i) => {
        const mine = set.interfaces.find((x) => x.name === i.name);
        return (
          <section key={i.name} class="card" aria-label={`Interface ${i.name}`}>
            <div class="bar"><h2>{i.name}</h2><Pill word={i.up ? 'Up' : 'Down'} as={i.up ? 'ok' : 'soft'} /></div>
            <Facts list={[
              ['In force', i.addresses.map((a) => <div key={a}><Mono text={a} /></div>)],
              ['Default router', i.routers.map((a) => <div key={a}><Mono text={a} /></div>)],
              ['Lease', i.lease && <>{`from ${i.lease.server} for ${Math.round(i.lease.seconds / 360) / 10} h, since `}<When at={i.lease.since} /></>],
              ['Hardware address', <Mono key="m" text={i.hardware} />],
            ]} />
            <Form fields={one.data!.fields} record={(mine ?? { name: i.name, ipv4: 'dhcp', ipv6: 'auto' }) as Record<string, unknown>} shape={INTERFACE} action="Try it" reread={net.reload}
              save={(body) => save({ interfaces: [{ ...(mine ? {} : { ipv4: 'dhcp', ipv6: 'auto' }), ...body, name: i.name } as Interface] })} />
          </section>
        );
      })}
      <section class="card">
        <h2>Names in force</h2>
        <Facts list={[['Host name', <Mono key="h" text={n.in_force.host_name} />], ['DNS servers', n.in_force.dns.map((a) => <div key={a}><Mono text={a} /></div>)], ['Search domain', n.in_force.search]]} />
      </section>
    </>
  );
}

/* The band over the page while a change is tried: how long, what it does, keep it or not. */
function Tried({ net, set, reload }: { net: Net; set: (n: Reply<Net>) => void; reload: () => Promise<void> }) {
  const [error, fail] = useState('');
  const [busy, setBusy] = useState(false);
  useTick(1000);
  useEffect(() => {
    const t = setInterval(() => void reload(), EVERY_MS);
    return () => clearInterval(t);
  }, [reload]);
  const left = Math.max(0, Math.round((new Date(net.until!).getTime() - Date.now()) / 1000));
  const run = async (path: '/api/v1/system/network/confirm' | '/api/v1/system/network/revert', done: string) => {
    if (busy) return;
    setBusy(true);
    fail('');
    try {
      set((await api.post(path)) as Reply<Net>);
      say(done);
    } catch (e) {
      fail(detailOf(e));
    }
    setBusy(false);
  };
  return (
    <div id="tried">
      <Note tone="warn">
        <strong>A change is being tried.</strong> {left > 0 ? <>The settings from before come back in <span class="mono">{left} s</span> unless you confirm.</> : 'The time is over: the settings from before are back.'}
        {net.warnings.map((w) => <p key={w}>{w}</p>)}
        <p class="bar">
          <button type="button" class="btn primary" aria-disabled={busy} onClick={() => void run('/api/v1/system/network/confirm', 'Kept.')}>Keep these settings</button>
          <button type="button" class="btn" aria-disabled={busy} onClick={() => void run('/api/v1/system/network/revert', 'The settings from before are back.')}>Go back now</button>
        </p>
        <Trouble text={error} />
      </Note>
    </div>
  );
}
