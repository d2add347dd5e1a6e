import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import { ZONE } from '../../lib/ip-address.ts';
import type { ListenerInit } from '../../listener/listener.ts';
import { isReservedName, toHostName } from '../../model/names/host-name.ts';
import type { DesignatedResolver } from '../../policy/designated-resolvers.ts';
import type { EncryptedListening } from './encrypted.ts';

/** In the text of a subjectAltName, Node puts values between quotes that could be mistaken for several. */
const QUOTED = /"(?:[^"\\]|\\.)*"/g;
const DNS_NAME = 'DNS:';

/** RFC 6570 §2.1: the only character of a path that a URI Template cannot hold. */
const NOT_IN_TEMPLATES = "'";

type Served = Pick<EncryptedListening, 'dot' | 'doh' | 'identity'>;

/**
 * Finds the resolver to designate to clients of an address (DDR, RFC 9462): the encrypted listeners there. They are
 * designated only if clients can verify them:
 *
 * - DoT or DoH is served at the same address, so that clients that reach one reach the other.
 * - The certificate is valid now and has the address (RFC 9462 §4.2). Otherwise clients ignore the resolver, and do not
 *   ask again before the answer has expired.
 * - The certificate has a host name, which RFC 9462 §4 requires as the TargetName.
 */
export class Designation {
  readonly #clock: Clock;
  readonly #dohPath: string;
  #served: Served | undefined;

  constructor(clock: Clock, dohPath: string) {
    this.#clock = clock;
    this.#dohPath = dohPath;
  }

  /** Designates these listeners from now on. */
  set served(served: Served) {
    this.#served = served;
  }

  /** Returns the designated resolver for clients of `address`, or undefined if they could not verify it. */
  at(address: string): DesignatedResolver | undefined {
    const certificate = this.#served?.identity?.certificate;
    if (this.#served === undefined || certificate === undefined || !this.#isValidFor(certificate, address)) {
      return undefined;
    }
    const name = hostNameOf(certificate);
    const dot = listenerAt(this.#served.dot(), address);
    const path = this.#dohPath;
    const doh = path.includes(NOT_IN_TEMPLATES) ? undefined : listenerAt(this.#served.doh(), address);
    if (name === undefined || (dot ?? doh) === undefined) return undefined;
    return { name, address, dotPort: dot?.port, doh: doh && { port: doh.port, path } };
  }

  #isValidFor(certificate: X509Certificate, address: string): boolean {
    const now = this.#clock.epochMs();
    const isValid = certificate.validFromDate.getTime() <= now && now <= certificate.validToDate.getTime();
    // A certificate cannot name the network interface of a link-local address.
    return isValid && isIP(address) !== 0 && !address.includes(ZONE) && certificate.checkIP(address) !== undefined;
  }
}

function listenerAt(listeners: readonly ListenerInit[], wanted: string): ListenerInit | undefined {
  return listeners.find(({ address }) => address === wanted);
}

/** The first name of a certificate that is neither a wildcard nor means something else to every client. */
function hostNameOf({ subjectAltName = '' }: X509Certificate): string | undefined {
  return subjectAltName
    .replaceAll(QUOTED, '')
    .split(', ')
    .flatMap((entry) => (entry.startsWith(DNS_NAME) ? [toHostName(entry.slice(DNS_NAME.length))] : []))
    .find((name) => name !== undefined && !isReservedName(name));
}
