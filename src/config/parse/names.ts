import { isIP } from 'node:net';
import { bad, type Parsed } from '../parsed.ts';

const MAX_NAME_LENGTH = 253;
const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
const HOST_NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
/** 32 bytes in base64. */
const PIN = /^sha256\/[A-Za-z0-9+/]{43}=$/;

/** A name or IP address as certificates carry them, in lower case. */
export function parseHostName(text: string): Parsed<string> {
  const name = text.toLowerCase();
  if (isIP(name) !== 0 || (name.length <= MAX_NAME_LENGTH && HOST_NAME.test(name))) return { value: name };
  return bad(text, 'is not a host name; write a single whole name, such as resolver.example');
}

/** The hash of a public key, as RFC 7469 pins it. */
export function parsePin(text: string): Parsed<string> {
  return PIN.test(text)
    ? { value: text }
    : bad(text, 'is not a pin; write sha256/ and the 44 characters of a base64 SHA-256 hash of the public key');
}
