import type { Config } from '../../config/config.ts';
import type { Random } from '../../lib/random.ts';
import type { Logger } from '../../log/logger.ts';
import { encodeName } from '../../message/wire/codec.ts';
import { octetString } from '../../message/wire/name.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import { HASH_KEY_BYTES } from '../../policy/blocking/name-hash.ts';
import type { Designates } from '../../policy/designated-resolvers.ts';
import { OwnNames } from '../../policy/own-names.ts';
import { Policy, type RouteCover } from '../../policy/policy.ts';
import { type ListReport, loadLists } from './list-files.ts';

/** Most wrong lines of a hosts file that the log names. */
const MAX_NAMED_LINES = 5;

interface PolicyComponents {
  readonly random: Random;
  readonly metrics: Pick<Metrics, 'blocked'>;
  /** Absent: nothing is logged. */
  readonly logger?: Logger;
  /** @default no routes */
  readonly covers?: RouteCover;
  /** @default no encrypted resolver */
  readonly designates?: Designates;
}

/**
 * Builds the policy that the configuration asks for. Reads the lists in slices, between which queries are answered.
 * @throws Dns4torError ERR_LIST_FILE
 */
export async function loadPolicy(
  { localAnswers }: Pick<Config, 'localAnswers'>,
  { random, metrics, logger, covers, designates }: PolicyComponents,
): Promise<Policy> {
  const { hosts, names, blocklists, allowlists, blockAnswer, undelegated, privateAnswers } = localAnswers;
  for (const { path, wrongLines } of hosts) {
    const lines = wrongLines.slice(0, MAX_NAMED_LINES).join(', ');
    if (wrongLines.length > 0)
      logger?.log('warn', 'hosts_lines_ignored', { file: path, count: wrongLines.length, lines });
  }
  const { names: lists, reports } = await loadLists(
    [
      ...blocklists.map((path) => ({ path, kind: 'block' }) as const),
      ...allowlists.map((path) => ({ path, kind: 'allow' }) as const),
    ],
    random.bytes(HASH_KEY_BYTES),
  );
  if (logger !== undefined) for (const report of reports) logReport(logger, report);
  const hostNames = hosts.flatMap((file) => file.names);
  return new Policy({
    deniesUndelegated: undelegated === 'deny',
    removesPrivate: privateAnswers === 'block',
    keepsPrivateFor: new Set(localAnswers.privateAnswersFor.map((domain) => octetString(encodeName(domain)))),
    blockAnswer,
    lists,
    metrics,
    ...(hostNames.length + names.length === 0 ? {} : { ownNames: new OwnNames(hostNames, names) }),
    ...(covers === undefined ? {} : { covers }),
    ...(designates === undefined ? {} : { designates }),
  });
}

/** Counts only: a list is no secret, but the log holds no name in any case. */
function logReport(logger: Logger, { path: file, kind: list, names, otherLines: skipped }: ListReport): void {
  logger.log('info', 'list_loaded', { file, list, names, skipped });
}
