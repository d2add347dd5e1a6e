import { SocketAddress } from 'node:net';
import { inspect } from 'node:util';
import { formatHostPort } from '../lib/host-port.ts';

/** Transport of a bridge that is an ordinary relay, spoken to without a pluggable transport. */
export const VANILLA = 'vanilla';

/** The parts of a bridge line (tor(1), "Bridge"). */
export interface BridgeParts {
  /** Name of the pluggable transport, or {@link VANILLA}. */
  readonly transport: string;
  /** IP address, without brackets. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  /** 40 hexadecimal digits. */
  readonly fingerprint: string | undefined;
  /** Arguments of the transport, each `key=value`. */
  readonly args: readonly string[];
}

/** Transports whose programs look up the names in their arguments: brokers, fronts, STUN servers. */
const NAME_RESOLVING: ReadonlySet<string> = new Set(['snowflake', 'meek_lite', 'webtunnel']);

/**
 * A bridge: a relay that is in no public list. Its line is secret, because it is enough to block the bridge and to
 * recognise its users. So the parts are private, and a log, error or JSON shows only the transport.
 */
export class Bridge {
  /** Name of the pluggable transport, or {@link VANILLA}. Not secret. */
  readonly transport: string;
  readonly #parts: BridgeParts;

  constructor(parts: BridgeParts) {
    this.transport = parts.transport;
    this.#parts = parts;
  }

  /**
   * Whether the transport's program looks up names, with the operating system's resolver. It cannot do so while
   * dns4tor is that resolver and Tor is down.
   */
  get resolvesNames(): boolean {
    return NAME_RESOLVING.has(this.transport);
  }

  /** Whether both have one address and port. Tor uses only the last of such bridges. */
  isAtAddressOf(other: Bridge): boolean {
    return canonicalAddress(this.#parts) === canonicalAddress(other.#parts);
  }

  /** The value of a `Bridge` line in the torrc. Secret. */
  toTorrc(): string {
    const { transport, host, port, fingerprint, args } = this.#parts;
    const words = [transport === VANILLA ? undefined : transport, formatHostPort(host, port), fingerprint, ...args];
    return words.filter((word) => word !== undefined).join(' ');
  }

  /** The arguments of the transport, each `key=value`. Secret. */
  secretArguments(): readonly string[] {
    return this.#parts.args;
  }

  toString(): string {
    return `[${this.transport} bridge]`;
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

/** The program that a managed Tor starts for one pluggable transport. */
export interface TransportProgram {
  readonly transport: string;
  /** Absolute path without characters that a torrc cannot express. */
  readonly path: string;
}

/** IPv6 addresses have several spellings. */
function canonicalAddress({ host, port }: BridgeParts): string {
  const family = host.includes(':') ? 'ipv6' : 'ipv4';
  return formatHostPort(new SocketAddress({ address: host, family }).address, port);
}
