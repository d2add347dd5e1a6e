import { X509Certificate } from 'node:crypto';
import { MS_PER_DAY } from '../../lib/units.ts';
import { pemCertificates } from './pem.ts';

/** When clients accept a certificate chain, in milliseconds since 1970, UTC. */
export interface CertificateValidity {
  readonly fromEpochMs: number;
  readonly untilEpochMs: number;
}

/** How a chain's validity stands at some moment. `expiring`: it should have been renewed by now. */
export type ValidityState = 'not_yet' | 'valid' | 'expiring' | 'expired';

/** Apple's systems refuse certificates with a longer life, also of a private CA (https://support.apple.com/103769). */
export const MAX_LIFE_DAYS = 825;

/** A chain expires soon during its last 14 days, or during the last third of a shorter life. */
const SOON_MS: number = 14 * MS_PER_DAY;
const SOON_SHARE = 1 / 3;

/**
 * Reads the time during which all certificates of a chain are valid. Clients check each of them (RFC 5280 §6.1.3).
 * @param chain in PEM form; at least one certificate
 */
export function readValidity(chain: string): CertificateValidity {
  const certificates = pemCertificates(chain).map((pem) => new X509Certificate(pem));
  return {
    fromEpochMs: Math.max(...certificates.map(({ validFromDate }) => validFromDate.getTime())),
    untilEpochMs: Math.min(...certificates.map(({ validToDate }) => validToDate.getTime())),
  };
}

/** Compares a validity with the time. */
export function validityAt({ fromEpochMs, untilEpochMs }: CertificateValidity, epochMs: number): ValidityState {
  if (epochMs < fromEpochMs) return 'not_yet';
  if (epochMs > untilEpochMs) return 'expired';
  const soonMs = Math.min(SOON_MS, (untilEpochMs - fromEpochMs) * SOON_SHARE);
  return untilEpochMs - epochMs < soonMs ? 'expiring' : 'valid';
}

/** Whole days until the end of a validity; negative after it. */
export function daysLeft({ untilEpochMs }: CertificateValidity, epochMs: number): number {
  return Math.floor((untilEpochMs - epochMs) / MS_PER_DAY);
}
