import { createPrivateKey, type KeyObject } from 'node:crypto';
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { decodeBase32 } from '../../model/onion-address.ts';
import { onionAddressProblem } from '../../model/onion-address.ts';
import { findUntrusted } from '../../lib/path-trust.ts';
import type { OnionAuthConfig } from '../config.ts';
import { readSmallFile, UNTRUSTED_REMEDY } from '../files.ts';
import { bad, type Parsed } from '../parsed.ts';

/** 32 bytes in base32, as tor writes them: without padding. */
const KEY = /^[a-z2-7]{52}$/i;
/** RFC 8410 §7: what stands before an X25519 private key in PKCS #8. */
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');
/** Not the group's: systemd's credentials show the service's own access there (acl(5), "mask"). */
const OTHERS_BITS = 0o007;

/**
 * A file of the form that tor takes in its ClientOnionAuthDir: `<address>:descriptor:x25519:<key>`. Its problems are all
 * told at once, and nothing of its content is.
 */
export function readOnionAuthFile(path: string): Parsed<OnionAuthConfig> {
  const file = readSmallFile(path);
  if ('problem' in file) return file;
  const fields = file.value.trim().split(':');
  const [address = '', type, algorithm, key = ''] = fields;
  if (fields.length !== 4 || type !== 'descriptor' || algorithm !== 'x25519') {
    return bad(path, "is not an .auth_private file of tor's; it holds one line, ADDRESS:descriptor:x25519:KEY");
  }
  const untrusted = findUntrusted(resolve(path), { tor: true });
  const addressProblem = onionAddressProblem(`${address}.onion`);
  const problems = [
    ...((statSync(path).mode & OTHERS_BITS) === 0
      ? []
      : ['is open to other users of this machine; run chmod 600 on it']),
    ...(untrusted === undefined ? [] : [`is not safe: ${untrusted}; ${UNTRUSTED_REMEDY}`]),
    ...(addressProblem === undefined ? [] : [`holds an address that ${addressProblem}`]),
    ...(KEY.test(key) ? [] : ['holds a key that is not 52 characters of a-z and 2-7; copy it again']),
  ];
  if (problems.length > 0) return bad(path, problems.join('; '));
  return { value: { address: address.toLowerCase(), key: toKey(decodeBase32(key.toLowerCase())) } };
}

function toKey(bytes: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_X25519, bytes]), format: 'der', type: 'pkcs8' });
}
