import { HEADER_BYTES } from './wire/header.ts';
import { octetString } from './wire/name.ts';

/** Labels of a registered domain, as in example.com. */
const DOMAIN_LABELS = 2;

/**
 * Second-level labels under which countries register domains, as in example.co.uk. There is no public suffix list here.
 * The list is short on purpose: a missing label only puts more sites together, a wrong one would split a site.
 */
const PUBLIC_LABELS: ReadonlySet<string> = new Set([
  'ac',
  'co',
  'com',
  'edu',
  'go',
  'gob',
  'gov',
  'mil',
  'ne',
  'net',
  'nom',
  'or',
  'org',
]);
const COUNTRY_BYTES = 2;

/** Labels of reverse zones: a /16 of IPv4 and a /32 of IPv6, which is what a provider has at least. */
const REVERSE_LABELS: ReadonlyMap<string, number> = new Map([
  ['in-addr', 2 + 2],
  ['ip6', 2 + 8],
]);

/**
 * The registered domain of a query's name, as far as the labels alone tell it: the last two, or three under a public
 * label of a country. Reverse zones are cut at the networks that providers have.
 * @param query whose QNAME is uncompressed and in lower case
 * @returns a view of the name's last labels in wire form
 */
export function registeredDomain(query: Uint8Array): Uint8Array {
  const starts: number[] = [];
  let offset = HEADER_BYTES;
  for (let length = query[offset] ?? 0; length > 0; length = query[offset] ?? 0) {
    starts.push(offset);
    offset += 1 + length;
  }
  const label = (fromEnd: number): string => {
    const start = starts.at(-fromEnd);
    return start === undefined ? '' : octetString(query.subarray(start + 1, start + 1 + (query[start] as number)));
  };
  const start = starts.at(-siteLabels(label(1), label(2))) ?? starts[0] ?? offset;
  return query.subarray(start, offset + 1);
}

function siteLabels(top: string, second: string): number {
  if (top === 'arpa') return REVERSE_LABELS.get(second) ?? DOMAIN_LABELS;
  const isPublic = top.length === COUNTRY_BYTES && PUBLIC_LABELS.has(second);
  return isPublic ? DOMAIN_LABELS + 1 : DOMAIN_LABELS;
}
