import { isIP } from 'node:net';
import { ZONE } from '../../../lib/ip-address.ts';
import { isReservedName, toHostName } from '../../../model/names/host-name.ts';
import type { OwnName } from '../../../model/names/own-name.ts';
import { type Parsed, type Problem, refuse } from '../../config-problem.ts';

/** Maximum aliases that lead from one own name to the next, as in the answers of upstreams. */
const MAX_ALIASES = 16;

/** Parses `NAME=ADDRESS` or `NAME=TARGET`: an address of a name, or another name whose records it has. */
export function parseOwnName(text: string): Parsed<OwnName> {
  const equals = text.indexOf('=');
  if (equals === -1) return refuse(text, 'has no value', 'write name=address, such as nas.lan=192.168.1.5');
  const name = parseDomain(text.slice(0, equals).trim());
  if ('problem' in name) return name;
  if (isReservedName(name.value)) {
    return refuse(
      text,
      'gives a meaning to a name that a standard defines',
      'choose a name outside localhost and onion',
    );
  }
  const value = text.slice(equals + 1).trim();
  if (isIP(value) !== 0) {
    return value.includes(ZONE)
      ? refuse(value, 'names a network interface', `remove '${value.slice(value.indexOf(ZONE))}'`)
      : { value: { name: name.value, address: value } };
  }
  const target = toHostName(value);
  return target === undefined
    ? refuse(value, 'is neither an IP address nor a name', 'write name=address or name=other.example')
    : { value: { name: name.value, target } };
}

/** Parses a domain name of letters, digits, hyphens and underscores, or of other letters, which IDNA converts. */
export function parseDomain(text: string): Parsed<string> {
  const name = toHostName(text);
  return name === undefined ? refuse(text, 'is not a domain name', 'write a name such as nas.lan') : { value: name };
}

/** Finds aliases that contradict other own names: RFC 1034 §3.6.2, "no other data should be present". */
export function aliasProblems(names: readonly OwnName[]): Problem[] {
  const targets = new Map<string, string>();
  const problems: Problem[] = [];
  for (const own of names) {
    if (!('target' in own)) continue;
    const isOnly = names.filter(({ name }) => name === own.name).length === 1;
    if (isOnly) targets.set(own.name, own.target);
    else problems.push({ problem: `--name ${own.name}: an alias has no other values`, remedy: 'give one target' });
  }
  for (const name of targets.keys()) {
    let target: string | undefined = name;
    for (let i = 0; target !== undefined && i <= MAX_ALIASES; i++) target = targets.get(target);
    if (target === undefined) continue;
    problems.push({ problem: `--name ${name}: its aliases lead to no address`, remedy: 'break the loop' });
  }
  return problems;
}
