import type { ErrorCode } from '../../failures/failures.ts';

/** Error codes by reply byte: RFC 1928 §6 as Tor uses it, then Tor's `ExtendedErrors` (socks-extensions.txt §4). */
const CODE_OF_REPLY: Readonly<Record<number, ErrorCode>> = {
  0x01: 'ERR_TOR_GENERAL',
  0x02: 'ERR_TOR_NOT_ALLOWED',
  0x03: 'ERR_TOR_NETWORK_UNREACHABLE',
  0x04: 'ERR_TOR_HOST_UNREACHABLE',
  0x05: 'ERR_TOR_PORT_REFUSED',
  0x06: 'ERR_TOR_CIRCUIT_EXPIRED',
  0xf0: 'ERR_TOR_HS_DESC_NOT_FOUND',
  0xf1: 'ERR_TOR_HS_DESC_INVALID',
  0xf2: 'ERR_TOR_HS_INTRO_FAILED',
  0xf3: 'ERR_TOR_HS_REND_FAILED',
  0xf4: 'ERR_TOR_HS_AUTH_MISSING',
  0xf5: 'ERR_TOR_HS_AUTH_WRONG',
  0xf6: 'ERR_TOR_HS_BAD_ADDRESS',
  0xf7: 'ERR_TOR_HS_INTRO_TIMEOUT',
};

const VERSION = 5;
const METHOD_USERNAME_PASSWORD = 2;
const REPLY_GRANTED = 0;

/**
 * ATYP values of RFC 1928 §6: IPv4, domain name, IPv6. `socks` accepts any other value too, and then reads no address.
 */
const ADDRESS_TYPES: ReadonlySet<number> = new Set([1, 3, 4]);

/** Bytes to keep: method selection (2), authentication status (2), then VER, REP, RSV and ATYP of the final reply. */
const NEEDED_BYTES = 8;

/**
 * Records the first bytes that a SOCKS5 proxy sends, because `socks` discards Tor's extended reply codes. It does not
 * affect the exchange; it explains afterwards why the exchange failed.
 */
export class SocksReplyRecord {
  #bytes: Uint8Array = new Uint8Array(0);

  record(chunk: Uint8Array): void {
    if (this.#bytes.length >= NEEDED_BYTES) return;
    this.#bytes = Buffer.concat([this.#bytes, chunk]).subarray(0, NEEDED_BYTES);
  }

  /** Whether the proxy selected authentication. A proxy without it does not isolate streams. */
  get authenticated(): boolean {
    return this.#bytes[1] === METHOD_USERNAME_PASSWORD;
  }

  /** Whether the final reply has a valid ATYP. */
  get hasAddress(): boolean {
    return ADDRESS_TYPES.has(this.#bytes[7] ?? 0);
  }

  /** Why the exchange failed. Undefined if the proxy closed the connection before or within a reply that grants it. */
  get failure(): { readonly code: ErrorCode; readonly detail: string } | undefined {
    const [version, method, , authenticationStatus = 0, replyVersion, reply] = this.#bytes;
    const isSocks5 = version === undefined || version === VERSION;
    const methodFits = method === undefined || method === METHOD_USERNAME_PASSWORD;
    const replyFits = replyVersion === undefined || replyVersion === VERSION;
    if (!isSocks5 || !methodFits || authenticationStatus !== 0 || !replyFits) {
      return { code: 'ERR_TOR_NOT_SOCKS', detail: `unexpected reply ${Buffer.from(this.#bytes).toString('hex')}` };
    }
    if (reply === undefined || reply === REPLY_GRANTED) return undefined;
    return {
      code: CODE_OF_REPLY[reply] ?? 'ERR_TOR_GENERAL',
      detail: `SOCKS reply 0x${reply.toString(16).padStart(2, '0')}`,
    };
  }
}
