import { isIP } from 'node:net';
import { ConfigError, locate, type Parsed, refuse } from '../../config/config-problem.ts';
import { parseHostName } from '../../config/parse/certificate-identity.ts';
import { parseDuration, parseInteger } from '../../config/parse/quantity.ts';
import { isLoopback } from '../../lib/ip-address.ts';

/** Characters of a domain that leave room for a label of 16 characters and a dot. */
const MAX_PROBE_DOMAIN = 253 - 17;

/**
 * Adapts a parser for commander.
 *
 * @param place the flag or argument, for problems
 */
export function argument<T>(place: string, parse: (text: string) => Parsed<T>): (text: string) => T {
  return (text) => {
    const parsed = parse(text);
    if ('value' in parsed) return parsed.value;
    throw new ConfigError([locate(place, parsed)]);
  };
}

/** Parses a loopback address. Others are refused: the path to them is not encrypted. */
export function parseLoopbackAddress(text: string): Parsed<string> {
  if (isIP(text) !== 0 && isLoopback(text)) return { value: text };
  return refuse(text, 'is not a loopback IP address', 'give one such as 127.0.0.1 or ::1');
}

/** Parses a port number, 1 to 65535. */
export function parsePort(text: string): Parsed<number> {
  return parseInteger(text, { min: '1', max: '65535' });
}

/** Parses the duration of a pause, or of the time to confirm, in milliseconds. */
export function parseDeadline(text: string): Parsed<number> {
  return parseDuration(text, { min: '10s', max: '1d' });
}

/** Parses a domain below which random names are asked for. */
export function parseProbeDomain(text: string): Parsed<string> {
  // Behind the random label: a name has at most 253 characters.
  if (isIP(text) === 0 && text.length <= MAX_PROBE_DOMAIN) return parseHostName(text);
  return refuse(text, 'is not a domain', 'give one that the resolver answers for, such as corp.example');
}
