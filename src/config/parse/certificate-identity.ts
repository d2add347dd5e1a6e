import { isIP } from 'node:net';
import { type Parsed, refuse } from '../config-problem.ts';

const MAX_NAME_LENGTH = 253;
const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
const HOST_NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
/** 32 bytes in base64. */
const PIN = /^sha256\/[A-Za-z0-9+/]{43}=$/;

/** Parses a host name or IP address that a certificate may carry. The result is in lower case. */
export function parseHostName(text: string): Parsed<string> {
  const name = text.toLowerCase();
  if (isIP(name) !== 0 || (name.length <= MAX_NAME_LENGTH && HOST_NAME.test(name))) return { value: name };
  return refuse(text, 'is not a host name', 'give one full name, such as resolver.example');
}

/** Parses the pin of a public key, as in RFC 7469. */
export function parsePin(text: string): Parsed<string> {
  if (PIN.test(text)) return { value: text };
  return refuse(text, 'is not a pin', 'write sha256/ and the base64 SHA-256 hash of the public key (44 characters)');
}
