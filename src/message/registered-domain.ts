import { HEADER_BYTES } from './wire/header.ts';
import { octetString } from './wire/name.ts';

/** Number of labels in a registered domain such as example.com. */
const DOMAIN_LABELS = 2;

/**
 * Second-level labels under which country-code TLDs register domains, as in example.co.uk. Deliberately short, and no
 * public suffix list: a missing label only merges domains, while a wrong one would split a domain.
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

/** Number of labels in the reverse zones of an IPv4 /16 and an IPv6 /32, the smallest blocks of a typical provider. */
const REVERSE_LABELS: ReadonlyMap<string, number> = new Map([
  ['in-addr', 2 + 2],
  ['ip6', 2 + 8],
]);

/**
 * The registered domain of a query's QNAME, estimated from its labels. Usually the last two labels; three below a
 * country's second-level label such as co.uk. For reverse zones, the network of a typical provider.
 * @param query has an uncompressed QNAME in lower case
 * @returns a view of the QNAME's last labels in wire form
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
  const start = starts.at(-labelCount(label(1), label(2))) ?? starts[0] ?? offset;
  return query.subarray(start, offset + 1);
}

/** @param top the last label; @param second the one before it */
function labelCount(top: string, second: string): number {
  if (top === 'arpa') return REVERSE_LABELS.get(second) ?? DOMAIN_LABELS;
  const isPublic = top.length === COUNTRY_BYTES && PUBLIC_LABELS.has(second);
  return isPublic ? DOMAIN_LABELS + 1 : DOMAIN_LABELS;
}
