import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/** What would give away a private key in a PEM file: its lines, and the secret number of its elliptic curve. */
export async function secretsOfKey(path: string): Promise<readonly string[]> {
  const pem = await readFile(path, 'utf8');
  const { d } = createPrivateKey(pem).export({ format: 'jwk' });
  if (d === undefined) throw new Error('a key without a secret number');
  const lines = pem.split('\n').filter((line) => line.length > 0 && !line.startsWith('-----'));
  return [...lines, d, Buffer.from(d, 'base64url').toString('latin1')];
}
