import { isIP } from 'node:net';
import type { Bridge } from '../../model/bridge.ts';

/** What stands for a secret; Tor's own word. */
export const SCRUBBED = '[scrubbed]';

/** Arguments of transports that say nothing about the bridge. The values of all others are secret. */
const HARMLESS_ARGUMENTS: ReadonlySet<string> = new Set([
  'iat-mode',
  'max',
  'utls',
  'utls-imitate',
  'utls-nosni',
  'ver',
]);
/** Replacing shorter texts would garble every line. */
const MIN_SECRET_LENGTH = 4;

/** A relay's fingerprint, with the signs and the nickname that Tor adds (`$FINGERPRINT~nickname`). */
const FINGERPRINT = /\$?(?<![0-9a-z])[0-9a-f]{40}(?![0-9a-z])(?:[~=][0-9a-z]{1,40})?/gi;
/** A relay's Ed25519 identity: 32 bytes in base64. */
const ED25519 = /(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{43}=?(?![A-Za-z0-9+/=])/g;
/** Candidates for IP addresses. IPv4 and, in brackets or not, IPv6; with the port. */
const IPV4 = /(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3})(?::\d{1,5})?(?![\w]|\.\d)/g;
const IPV6 =
  /(?:\[([0-9a-f:.]{2,45})\]|(?<![\w:.])([0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?:\.\d{1,3}){0,3})(?!\w))(?::\d{1,5})?/gi;
/** A name that a transport looked up. */
const LOOKUP = /(?<=\blookup )[^\s:]+/g;
/** The nickname in Tor's line about a bridge's descriptor, and an address that Tor rejects. */
const QUOTED = /(?<=\bbridge (?:descriptor|address) )'[^']*'/gi;

/**
 * Creates the function that removes from a line of Tor's log what could give a bridge away: IP addresses, fingerprints
 * and identities of relays, and every secret part of the given bridges. Tor's own `SafeLogging` keeps those of bridges
 * in several warnings (seen with 0.4.9.11).
 */
export function createScrubber(bridges: readonly Bridge[]): (line: string) => string {
  // The longest first, so that no part of a longer one remains.
  const secrets = [...new Set(bridges.flatMap(secretTexts))]
    .filter((text) => text.length >= MIN_SECRET_LENGTH)
    .toSorted((a, b) => b.length - a.length);
  const configured = new RegExp(secrets.map(escapeForPattern).join('|'), 'gi');
  const removeConfigured = (line: string): string => (secrets.length === 0 ? line : line.replace(configured, SCRUBBED));
  return (line) =>
    removeConfigured(line.replace(FINGERPRINT, SCRUBBED))
      .replace(ED25519, SCRUBBED)
      .replace(IPV6, scrubIpv6)
      // 0.0.0.0/8 is no address of a host (RFC 1122 §3.2.1.3), but Tor's versions look like it.
      .replace(IPV4, (text, address: string) => (isIP(address) === 4 && !address.startsWith('0.') ? SCRUBBED : text))
      .replace(LOOKUP, SCRUBBED)
      .replace(QUOTED, SCRUBBED);
}

/** The colon behind an address is no part of it. */
function scrubIpv6(text: string, bracketed: string = '', bare: string = ''): string {
  if (isIP(bracketed || bare) === 6) return SCRUBBED;
  return isIP(bare.replace(/:$/, '')) === 6 ? `${SCRUBBED}:` : text;
}

function secretTexts(bridge: Bridge): readonly string[] {
  // Addresses and fingerprints are removed anyway.
  return bridge.secretArguments().flatMap((arg) => {
    const [key = ''] = arg.split('=', 1);
    const value = key === arg ? arg : arg.slice(key.length + 1);
    return HARMLESS_ARGUMENTS.has(key) ? [] : [value, ...partsOf(value)];
  });
}

function escapeForPattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`);
}

/** The items of a list, and the host and path of a URL or of `stun:host:port`, which programs quote apart. */
function partsOf(value: string): readonly string[] {
  return value.split(',').flatMap((item) => {
    const url = URL.parse(item);
    if (url === null) return [item];
    const path = url.pathname.replace(/^\//, '');
    return [item, url.host, url.hostname, path, path.replace(/:\d+$/, '')];
  });
}
