import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';
import { parseDuration, parseInteger } from '../../config/parse/quantity.ts';
import { isLoopback } from '../../lib/loopback.ts';

/** For commander: a loopback address. Programs of this machine find nothing else, and what leaves it would be readable. */
export function toAddress(text: string): string {
  if (isIP(text) !== 0 && isLoopback(text)) return text;
  throw new InvalidArgumentError('It must be a loopback IP address, such as 127.0.0.1 or ::1.');
}

export function toPort(text: string): number {
  return valueOf(parseInteger(text, { min: '1', max: '65535' }));
}

/** Milliseconds. */
export function toDuration(text: string): number {
  return valueOf(parseDuration(text, { min: '10s', max: '1d' }));
}

function valueOf(parsed: { readonly value: number } | { readonly problem: string }): number {
  if ('value' in parsed) return parsed.value;
  throw new InvalidArgumentError(`It ${parsed.problem.replace(/^'.*?' /, '')}.`);
}
