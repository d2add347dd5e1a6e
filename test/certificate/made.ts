import { X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Held } from '../../src/certificate/certificate-directory.ts';
import { type CertificatePlan, planCertificate, type Request } from '../../src/certificate/plan-certificate.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { runProgram } from '../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';

export const NOTHING_HELD: Held = { authority: undefined, certificate: undefined, key: undefined };

/** Makes certificates for these names with the machine's clock. */
export function made(
  names: readonly string[],
  held: Held = NOTHING_HELD,
  request: Partial<Request> = {},
): CertificatePlan {
  const whole = { directory: '/tls', names, ownNames: ['own.example'], days: 730, ...request };
  return planCertificate({ clock: systemClock, random: systemRandom }, held, whole);
}

/**
 * Verifies a server's certificate with openssl, as strictly as it can.
 * @returns `OK`, or the number of an X509_V_ERR of openssl (x509_vfy.h)
 */
export async function verify(
  authority: X509Certificate,
  certificate: X509Certificate,
  ...flags: readonly string[]
): Promise<string> {
  await using directory = await createTemporaryDirectory();
  const [ca, leaf] = [join(directory.path, 'ca.pem'), join(directory.path, 'cert.pem')];
  await writeFile(ca, authority.toString());
  await writeFile(leaf, certificate.toString());
  const args = ['verify', '-x509_strict', '-no-CApath', '-no-CAstore', '-CAfile', ca, '-purpose', 'sslserver'];
  return await runProgram('openssl', [...args, ...flags, leaf]).then(
    () => 'OK',
    (error: unknown) => /error (?<code>\d+) at/.exec(String(error))?.groups?.['code'] ?? String(error),
  );
}

/** What openssl shows of a certificate. */
export async function describe(certificate: X509Certificate, ...flags: readonly string[]): Promise<string> {
  return runProgram('openssl', ['x509', '-noout', ...flags], {
    input: new X509Certificate(certificate.raw).toString(),
  });
}
