import { isIP, isIPv4 } from 'node:net';
import { addressOctets } from '../lib/ip-address.ts';
import { contextTag, element, readElements, sequence, TAG } from './der.ts';

/*
 * Names of servers in certificates (RFC 5280 §4.2.1.6 and §4.2.1.10). A name is a host name in lower case or an IP
 * address, as `toServerName` returns them.
 */

const DNS_NAME = contextTag(2, 'primitive');
const IP_ADDRESS = contextTag(7, 'primitive');
const PERMITTED = contextTag(0, 'constructed');
const EXCLUDED = contextTag(1, 'constructed');

const IPV4_OCTETS = 4;
const IPV6_OCTETS = 16;

/** Encodes the value of subjectAltName. */
export function encodeAlternativeNames(names: readonly string[]): Uint8Array {
  return sequence(...names.map(encodeName));
}

/**
 * Encodes the value of nameConstraints: these names and no others. Names below a host name are permitted with it.
 */
export function encodeConstraints(names: readonly string[]): Uint8Array {
  const permitted = names.map((name) =>
    sequence(isIP(name) === 0 ? encodeName(name) : element(IP_ADDRESS, toOctets(name), mask(name))),
  );
  // RFC 5280 §4.2.1.10: a kind of name without a permitted subtree is not restricted, so all of its names are excluded.
  const excluded = [
    ...(names.some((name) => isIP(name) === 0) ? [] : [element(DNS_NAME)]),
    ...(names.some((name) => isIP(name) === 4) ? [] : [element(IP_ADDRESS, new Uint8Array(2 * IPV4_OCTETS))]),
    ...(names.some((name) => isIP(name) === 6) ? [] : [element(IP_ADDRESS, new Uint8Array(2 * IPV6_OCTETS))]),
  ].map((base) => sequence(base));
  return sequence(element(PERMITTED, ...permitted), ...(excluded.length === 0 ? [] : [element(EXCLUDED, ...excluded)]));
}

/** Reads the host names and addresses of a subjectAltName. */
export function readAlternativeNames(value: Uint8Array): readonly string[] {
  const [names] = readElements(value) ?? [];
  return (readElements(names?.content ?? new Uint8Array(0)) ?? []).flatMap(({ tag, content }) => {
    if (tag === DNS_NAME) return [Buffer.from(content).toString('latin1')];
    return tag === IP_ADDRESS ? [toAddress(content)] : [];
  });
}

/** Reads the names that nameConstraints permit. An address counts only if it is permitted alone, not within a range. */
export function readPermitted(value: Uint8Array): readonly string[] {
  const [constraints] = readElements(value) ?? [];
  const permitted = readElements(constraints?.content ?? new Uint8Array(0))?.find(({ tag }) => tag === PERMITTED);
  const subtrees = readElements(permitted?.content ?? new Uint8Array(0)) ?? [];
  return subtrees.flatMap(({ tag, content }) => {
    const [base] = readElements(content) ?? [];
    if (tag !== TAG.sequence || base === undefined) return [];
    if (base.tag === DNS_NAME) return [Buffer.from(base.content).toString('latin1')];
    const half = base.content.length / 2;
    const isSingle = base.content.subarray(half).every((octet) => octet === 0xff);
    return base.tag === IP_ADDRESS && isSingle ? [toAddress(base.content.subarray(0, half))] : [];
  });
}

/** Whether a name is one of the permitted ones, or below one of them. */
export function isPermitted(name: string, permitted: readonly string[]): boolean {
  return permitted.some((one) => one === name || (isIP(name) === 0 && isIP(one) === 0 && name.endsWith(`.${one}`)));
}

/** The first address of the network that an address is in. */
export function networkAddress(address: string, netmask: string): string {
  const masks = toOctets(netmask);
  return toAddress(toOctets(address).map((octet, index) => octet & (masks[index] ?? 0)));
}

/** The usual form of an IP address (RFC 5952). */
export function canonicalAddress(address: string): string {
  return isIPv4(address) ? address : toAddress(toOctets(address));
}

function encodeName(name: string): Uint8Array {
  return isIP(name) === 0 ? element(DNS_NAME, Buffer.from(name, 'latin1')) : element(IP_ADDRESS, toOctets(name));
}

function mask(address: string): Uint8Array {
  return new Uint8Array(toOctets(address).length).fill(0xff);
}

function toOctets(address: string): Uint8Array {
  return Uint8Array.from(addressOctets(address));
}

function toAddress(octets: Uint8Array): string {
  if (octets.length === IPV4_OCTETS) return octets.join('.');
  const groups = Buffer.from(octets).toString('hex').match(/.{4}/g) ?? [];
  return hostOf(`[${groups.join(':')}]`).slice(1, -1);
}

function hostOf(host: string): string {
  return new URL(`http://${host}/`).hostname;
}
