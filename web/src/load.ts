// Reads a thing for a page and reads it again when its records change.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { api, detailOf, type RecordSchema } from './api';
import { onChange } from './events';

export interface Loaded<T> { data: T | null; error: string; reload: () => Promise<void>; set: (data: T) => void }

export function useLoad<T>(read: () => Promise<T>, deps: unknown[], records: string[] = []): Loaded<T> {
  const [data, setData] = useState<T | null>(null);
  const [error, setError] = useState('');
  const turn = useRef(0);
  const reload = useCallback(async () => {
    const mine = ++turn.current;
    try {
      const got = await read();
      if (mine !== turn.current) return; // a later read won
      setData(() => got);
      setError('');
    } catch (e) {
      if (mine === turn.current) setError(detailOf(e));
    }
  }, deps);
  useEffect(() => {
    void reload();
    const end = records.length ? onChange(records, () => void reload()) : undefined;
    return () => {
      turn.current++;
      end?.();
    };
  }, [reload]);
  return { data, error, reload, set: (d) => setData(() => d) };
}

const schemas = new Map<string, Promise<RecordSchema>>();

export function schemaOf(record: string): Promise<RecordSchema> {
  let s = schemas.get(record);
  if (!s) {
    s = api.get('/api/v1/schema/{record}', { id: record }).then((r) => r.data);
    s.catch(() => schemas.delete(record));
    schemas.set(record, s);
  }
  return s;
}

export function useSchema(record: string): Loaded<RecordSchema> {
  return useLoad(() => schemaOf(record), [record]);
}
