import { type Parsed, refuse } from '../../config-problem.ts';

/** What a DNS stamp says that matters through Tor. Its address and bootstrap resolvers are not used. */
export interface DnsStamp {
  /** URL of the resolver, not yet checked: `https://HOST[:PORT]/PATH` or `tls://HOST[:PORT]`. */
  readonly url: string;
  /**
   * SHA-256 hashes of TBS certificates, in hexadecimal. If there are any, the resolver's chain must have one of them.
   */
  readonly chainHashes: readonly string[];
}

/** Begins every DNS stamp. */
export const STAMP_SCHEME = 'sdns://';

const DOH = 0x02;
const DOT = 0x03;

/** Servers of other protocols, by the first byte of their stamps. */
const OTHER_PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [0x00, 'a plain DNS server, whose answers an exit relay could forge'],
  [0x01, 'a DNSCrypt server; dns4tor does not speak DNSCrypt'],
  [0x04, 'a DNS-over-QUIC server, which needs UDP; Tor carries only TCP'],
  [0x05, 'an Oblivious DoH target; dns4tor does not speak Oblivious DoH, and Tor hides who asks'],
  [0x81, 'a DNSCrypt relay, not of a resolver'],
  [0x85, 'an Oblivious DoH relay, not of a resolver'],
]);

const HASH_BYTES = 32;
const PROPERTIES_BYTES = 8;
/** Set in the length of each item of a set but the last. */
const MORE = 0x80;

const INCOMPLETE = 'copy the whole stamp again';

/**
 * Parses the stamp of a DNS-over-HTTPS or DNS-over-TLS server (draft-denis-dns-stamps, dnscrypt.info). Other protocols
 * are refused. Ignores the properties (DNSSEC, logs, filters), which nobody verifies, and all addresses: Tor looks up
 * the host.
 */
export function parseDnsStamp(text: string): Parsed<DnsStamp> {
  const base64 = text.slice(STAMP_SCHEME.length);
  const bytes = Buffer.from(base64, 'base64url');
  // Buffer skips what is not base64. Only the one encoding without padding (RFC 4648 §5) comes back as it was.
  if (bytes.length === 0 || bytes.toString('base64url') !== base64) {
    return refuse(text, 'is not a DNS stamp: it is not base64url', INCOMPLETE);
  }
  const protocol = bytes[0] as number;
  if (protocol !== DOH && protocol !== DOT) {
    const other = OTHER_PROTOCOLS.get(protocol) ?? 'a server whose protocol dns4tor does not know';
    const remedy = `give the stamp of a DNS-over-HTTPS server, which begins with ${STAMP_SCHEME}Ag`;
    return refuse(text, `is the stamp of ${other}`, remedy);
  }
  const fields = readFields(bytes, protocol);
  if (fields === undefined) return refuse(text, 'is not a DNS stamp: its fields do not fit its length', INCOMPLETE);
  const { hashes, host, path } = fields;
  const chainHashes = hashes.filter(({ length }) => length > 0).map((hash) => hash.toString('hex'));
  if (hashes.some(({ length }) => length > 0 && length !== HASH_BYTES)) {
    return refuse(text, 'holds a certificate hash that is not 32 bytes long', 'ask its author for a correct stamp');
  }
  if (!isHost(host)) return refuse(text, 'holds no valid host name', 'give the URL of the resolver instead');
  // An empty path is one that the author left out, as in a URL.
  if (path !== '' && !path.startsWith('/')) {
    return refuse(text, 'holds a path that does not begin with a slash', 'give the URL of the resolver instead');
  }
  return { value: { url: `${protocol === DOH ? 'https' : 'tls'}://${host}${path}`, chainHashes } };
}

interface Fields {
  readonly hashes: readonly Buffer[];
  readonly host: string;
  /** Empty for DNS over TLS, which has none. */
  readonly path: string;
}

/** Undefined if a length leads beyond the end, or bytes are left over. */
function readFields(bytes: Buffer, protocol: number): Fields | undefined {
  let offset = 1 + PROPERTIES_BYTES;
  const readBytes = (): Buffer => {
    const start = offset + 1;
    offset = start + ((bytes[offset] ?? 0) & ~MORE);
    return bytes.subarray(start, offset);
  };
  const readSet = (): readonly Buffer[] => {
    const items: Buffer[] = [];
    let isLast = false;
    while (!isLast && offset < bytes.length) {
      isLast = ((bytes[offset] as number) & MORE) === 0;
      items.push(readBytes());
    }
    return items;
  };
  readBytes(); // The server's address.
  const hashes = readSet();
  const host = readBytes();
  const path = protocol === DOH ? readBytes() : Buffer.alloc(0);
  if (offset > bytes.length) return undefined;
  readSet(); // Bootstrap resolvers, if there is more.
  if (offset !== bytes.length) return undefined;
  return { hashes, host: host.toString(), path: path.toString() };
}

/** Whether a URL parser would read the text as a host and a port. It reads credentials, paths and escapes, too. */
function isHost(text: string): boolean {
  return /^[^\s/\\?#@%]+$/.test(text) && !text.includes('\u{FFFD}');
}
