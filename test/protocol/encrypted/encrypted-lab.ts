import { readFile } from 'node:fs/promises';
import { type CertificateAuthority, createCertificateAuthority } from '../../fixtures/certificates.ts';
import { type Lab, startLab } from '../lab.ts';
import { LARGE_ANSWER, LARGE_NAME } from './large-answer.ts';

/** A running dns4tor with a working upstream that also serves DoT and DoH, on free ports of each address. */
export interface EncryptedLab extends Lab {
  readonly ports: EncryptedPorts;
  /** The certificate of the authority that issued the server's, in PEM form. */
  readonly ca: string;
}

/** Ports that the log names. */
export interface EncryptedPorts {
  readonly doh: number;
  readonly dot: number;
}

export interface EncryptedFlags {
  /** Flags of `proxy-dns`. */
  readonly flags: readonly string[];
  readonly ca: string;
  readonly certificatePath: string;
  readonly keyPath: string;
}

/** Issues a certificate for these addresses. Returns the flags that serve DoT and DoH on them. */
export async function encryptedFlags(
  authority: CertificateAuthority,
  addresses: readonly string[] = ['127.0.0.1'],
): Promise<EncryptedFlags> {
  const { certificatePath, keyPath } = await authority.issue(addresses);
  const listen = addresses.flatMap((address) => ['--doh-address', address, '--dot-address', address]);
  return {
    flags: [...listen, '--doh-port', '0', '--dot-port', '0', '--tls-cert', certificatePath, '--tls-key', keyPath],
    ca: await readFile(authority.certificatePath, 'utf8'),
    certificatePath,
    keyPath,
  };
}

/** @param log of the daemon's start */
export function encryptedPorts(log: string): EncryptedPorts {
  const port = (scheme: string): number =>
    Number(new RegExp(`\\baddress\\W+${scheme}://[^\\s"]+:(\\d+)`).exec(log)?.[1]);
  return { doh: port('https'), dot: port('tls') };
}

/** @param addresses the first one also serves UDP and TCP on one port */
export async function startEncryptedLab(
  addresses: readonly string[] = ['127.0.0.1'],
  ...flags: readonly string[]
): Promise<EncryptedLab> {
  await using resources = new AsyncDisposableStack();
  const authority = resources.use(await createCertificateAuthority());
  const encrypted = await encryptedFlags(authority, addresses);
  const plain = addresses.flatMap((address) => ['--address', address]);
  const lab = resources.use(await startLab(...plain, ...encrypted.flags, ...flags));
  const running = resources.move();
  return {
    ...lab,
    ports: encryptedPorts(lab.daemon.process.output),
    ca: encrypted.ca,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/**
 * A lab with short time limits for clients. The large answer is in the cache already: queries for it that go upstream
 * would fill the memory.
 */
export async function startAttackedLab(): Promise<EncryptedLab> {
  const lab = await startEncryptedLab(['127.0.0.1'], '--tcp-idle-timeout', '1s', '--tcp-message-timeout', '500ms');
  lab.behave(LARGE_NAME, LARGE_ANSWER);
  await lab.ask('tcp', { name: LARGE_NAME });
  return lab;
}
