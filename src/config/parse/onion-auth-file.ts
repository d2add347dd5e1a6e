import { createPrivateKey, type KeyObject } from 'node:crypto';
import { decodeBase32, onionAddressProblem } from '../../model/onion-address.ts';
import type { OnionAuthConfig } from '../config.ts';
import { type Parsed, type Problem, refuse } from '../config-problem.ts';
import { privacyProblems, readSmallFile } from '../files.ts';

/** 32 bytes in base32 without padding. */
const KEY = /^[a-z2-7]{52}$/i;
/** PKCS #8 prefix of an X25519 private key (RFC 8410 §7). */
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');

/**
 * Reads a file in the format of tor's ClientOnionAuthDir: `<address>:descriptor:x25519:<key>`. Reports all problems at
 * once, without quoting the key.
 */
export function readOnionAuthFile(path: string): Parsed<OnionAuthConfig> {
  const file = readSmallFile(path);
  if ('problem' in file) return file;
  const fields = file.value.trim().split(':');
  const [address = '', type, algorithm, key = ''] = fields;
  if (fields.length !== 4 || type !== 'descriptor' || algorithm !== 'x25519') {
    return refuse(path, "is not one of tor's .auth_private files", 'they hold one line, ADDRESS:descriptor:x25519:KEY');
  }
  const addressProblem = onionAddressProblem(`${address}.onion`);
  const problems: readonly Problem[] = [
    ...privacyProblems(path),
    ...(addressProblem === undefined
      ? []
      : [{ ...addressProblem, problem: `holds an address that ${addressProblem.problem}` }]),
    ...(KEY.test(key)
      ? []
      : [{ problem: 'holds a key that is not 52 characters of a-z and 2-7', remedy: 'copy the key again' }]),
  ];
  if (problems.length > 0) {
    const remedies = problems.flatMap(({ remedy }) => remedy ?? []);
    return refuse(path, problems.map(({ problem }) => problem).join('; '), remedies.join('; '));
  }
  return { value: { address: address.toLowerCase(), key: toKey(decodeBase32(key.toLowerCase())) } };
}

function toKey(bytes: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_X25519, bytes]), format: 'der', type: 'pkcs8' });
}
