import { domainToASCII } from 'node:url';

/** RFC 1035 §2.3.4: 255 octets on the wire, which are 253 characters without the root's dot. */
const MAX_NAME_LENGTH = 253;

/** Letters, digits and hyphens (RFC 1123 §2.1), and underscores, which names of services have (RFC 8552). */
const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
const HOST_NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);

/** Control characters, some of which domainToASCII drops. */
const CONTROL = /\p{Cc}/u;

/** A top-level domain of digits alone: the text is an address, or part of one. */
const NUMERIC_END = /(?:^|\.)\d+$/;

/**
 * Returns the ASCII form (RFC 5891) of a name in lower case. Empty if it has none. A text in ASCII is returned as it
 * is, whether or not it is a name.
 */
export function toAsciiName(text: string): string {
  if (/^\p{ASCII}*$/u.test(text)) return text;
  return CONTROL.test(text) ? '' : domainToASCII(text);
}

/**
 * Returns a host name in lower case, in its ASCII form (RFC 5891) and without a dot at its end. Undefined if the text
 * is not a host name.
 */
export function toHostName(text: string): string | undefined {
  const name = toAsciiName(text.toLowerCase().replace(/\.$/, ''));
  const isName = name.length <= MAX_NAME_LENGTH && HOST_NAME.test(name) && !NUMERIC_END.test(name);
  return isName ? name : undefined;
}

/**
 * Top-level domains that always mean the same, whatever a file or an option says: this machine (RFC 6761 §6.3), or an
 * onion service (RFC 7686 §2).
 */
const RESERVED: ReadonlySet<string> = new Set(['localhost', 'onion']);

/** Whether a standard forbids to give the name another meaning. */
export function isReservedName(name: string): boolean {
  return RESERVED.has(name.slice(name.lastIndexOf('.') + 1));
}
