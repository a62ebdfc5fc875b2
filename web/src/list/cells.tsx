// The value of one column of one row, by the type of the column.
import type { ComponentChildren } from 'preact';
import type { Column } from '../api';
import { clock, count, date, daysLeft, exact, plural } from '../format';
import { Life, Pill } from '../ui/bits';
import { Tip } from '../ui/tip';
import type { Row } from '../records';

const PILLS = new Set(['status', 'state', 'readiness', 'result', 'policy']);
const MONO = new Set(['serial', 'fingerprint', 'location', 'address', 'hash', 'spki_sha256', 'reference', 'order_reference', 'base_url', 'scan_ip', 'object', 'client']);
const SENTENCES = new Set(['policy_findings', 'vulnerable']);
const SHOWN = 2;

function list(values: string[]): ComponentChildren {
  if (!values.length) return null;
  const rest = values.slice(SHOWN);
  return (
    <>
      {values.slice(0, SHOWN).map((v) => <span key={v} class="tag">{v}</span>)}
      {rest.length > 0 && <Tip text={rest.join(', ')} class="soft">+{rest.length}</Tip>}
    </>
  );
}

function left(days: number): string {
  return days < 0 ? `${plural(-days, 'day')} ago` : plural(days, 'day');
}

export function cell(column: Column, row: Row, name: (id: string) => string): ComponentChildren {
  const v = row[column.name];
  if (v === null || v === undefined || v === '') return column.name === 'bot' ? <span class="soft">Not Mapped</span> : null;
  if (column.name === 'expires_within') return left(v as number);
  switch (column.type) {
    case 'time':
      if (column.name === 'not_after')
        return <><Life from={row.not_before as string | null} to={v as string} /> {date(v as string)} <span class="soft">{left(daysLeft(v as string))}</span></>;
      return <time dateTime={v as string} title={exact(v as string)}>{date(v as string)} <span class="soft">{clock(v as string)}</span></time>;
    case 'list':
      return SENTENCES.has(column.name) ? (v as string[]).join('; ') : list(v as string[]);
    case 'ids':
      return list((v as string[]).map(name));
    case 'bool':
      return v ? 'yes' : <span class="soft">no</span>;
    case 'int':
      return count(v as number);
    case 'id':
      return name(v as string);
    default:
      if (PILLS.has(column.name)) return <Pill word={v as string} />;
      if (MONO.has(column.name)) return <span class="mono">{v as string}</span>;
      return v as string;
  }
}
