import { FLAG } from '../reply.ts';
import type { StrictMessage, StrictRecord } from './strict-message.ts';

/** What can differ between two replies to one query. */
export type Aspect =
  | 'RCODE'
  | 'question'
  | keyof typeof FLAG
  | 'answers'
  | 'authorities'
  | 'additionals'
  | 'TTL'
  | 'OPT'
  | 'EDNS version'
  | 'EDNS size'
  | 'DO'
  | 'EDNS options';

/** @param elapsedSeconds since either resolver could first cache its answer: TTLs may differ by this much */
export function differencesOf(ours: StrictMessage, theirs: StrictMessage, elapsedSeconds: number): Aspect[] {
  const found: Aspect[] = [];
  const compare = (aspect: Aspect, equal: boolean): void => {
    if (!equal) found.push(aspect);
  };
  compare('RCODE', ours.rcode === theirs.rcode);
  compare('question', ours.question.equals(theirs.question));
  for (const [flag, bit] of Object.entries(FLAG) as [keyof typeof FLAG, number][]) {
    compare(flag, (ours.flags & bit) === (theirs.flags & bit));
  }
  for (const section of ['answers', 'authorities', 'additionals'] as const) {
    const [left, right] = [byContent(ours[section]), byContent(theirs[section])];
    compare(section, left.size === right.size && [...left.keys()].every((content) => right.has(content)));
    for (const [content, ttl] of left) {
      const distance = Math.abs(ttl - (right.get(content) ?? ttl));
      if (distance > elapsedSeconds && !found.includes('TTL')) found.push('TTL');
    }
  }
  compare('OPT', (ours.opt === undefined) === (theirs.opt === undefined));
  if (ours.opt === undefined || theirs.opt === undefined) return found;
  compare('EDNS version', ours.opt.version === theirs.opt.version);
  compare('EDNS size', ours.opt.udpPayloadBytes === theirs.opt.udpPayloadBytes);
  compare('DO', ours.opt.dnssecOk === theirs.opt.dnssecOk);
  compare('EDNS options', optionsOf(ours) === optionsOf(theirs));
  return found;
}

/** TTLs by record: owner, type, class and data. */
function byContent(records: readonly StrictRecord[]): Map<string, number> {
  return new Map(
    records.map((record) => [`${record.owner} ${record.type} ${record.class} ${record.data}`, record.ttl]),
  );
}

function optionsOf({ opt }: StrictMessage): string {
  return (opt?.options ?? [])
    .map(({ code, data }) => `${code} ${data.toString('hex')}`)
    .toSorted()
    .join();
}
