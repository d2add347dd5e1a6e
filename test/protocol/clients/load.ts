import { rawName } from '../../fixtures/dns/messages.ts';
import type { DohBehaviour } from '../../fixtures/dns/recording-doh-server.ts';
import type { Daemon } from '../../fixtures/process/daemon.ts';
import { metric } from '../daemon-health.ts';
import { answering, questionOf, RCODE, RESPONSE_FLAGS, startOfAuthority } from '../upstream-messages.ts';

/** The QNAME of a query of dns4tor as text, if it has ordinary labels. */
export function nameOf(query: Uint8Array): string {
  const question = Buffer.from(questionOf(query));
  const labels: string[] = [];
  for (let offset = 0; question[offset] !== 0; offset += 1 + (question[offset] ?? 0)) {
    labels.push(question.toString('latin1', offset + 1, offset + 1 + (question[offset] ?? 0)));
  }
  return labels.join('.');
}

const NEGATIVE_TTL_SECONDS = 3600;

/** NXDOMAIN for every name, cacheable for an hour (RFC 2308 §5). */
export const DENIED: DohBehaviour = answering({
  flags: RESPONSE_FLAGS | RCODE.nxdomain,
  authorities: [startOfAuthority(rawName('dns4tor-lab', 'net'), NEGATIVE_TTL_SECONDS, NEGATIVE_TTL_SECONDS)],
});

/** Number of queries that were refused or failed for a reason. */
export function failures(daemon: Daemon, reason: string): Promise<number> {
  return metric(daemon, 'dns4tor_failures_total', { reason });
}

/** Number of messages dropped and connections refused or closed for a reason. */
export function drops(daemon: Daemon, reason: string): Promise<number> {
  return metric(daemon, 'dns4tor_dropped_total', { reason });
}
