import { toDns4torError } from '../../failures/errors.ts';
import { formatTorAddress } from '../../model/tor-address.ts';
import { BOOTSTRAPPED_PERCENT } from '../../model/tor-status.ts';
import { fail, failWith, ok, skip, type Verdict, warn } from '../check-verdict.ts';
import type { Facts } from '../facts.ts';

const NO_TOR = 'no Tor runs';
const ARTI_LACKS = 'without a control port, its state is unknown and it takes neither onion keys nor NEWNYM';
const NO_CONTROL = 'unknown: Tor has no control port that is usable here';

/** Checks that dns4tor finds a Tor. */
export async function checkTor({ tor }: Pick<Facts, 'tor'>): Promise<Verdict> {
  const found = await tor();
  switch (found.kind) {
    case 'running': {
      const where = formatTorAddress(found.socks);
      if (found.standing === 'tor') {
        return ok(found.program === 'arti' ? `arti answers at ${where}; ${ARTI_LACKS}` : `Tor answers at ${where}`);
      }
      return warn(
        `the program at ${where} speaks Tor’s protocol, but dns4tor cannot tell whether it is Tor`,
        'Connect to Tor over a unix socket (--tor-socks unix:/path). Until then, dns4tor accepts only certificates for the upstream’s own name.',
      );
    }
    case 'startable':
      return warn(`${NO_TOR}; dns4tor would start one (${found.version})`, 'Start dns4tor, then check again.');
    case 'missing':
      return failWith(found.error, 'Start tor, or name its port with --tor-socks.');
  }
}

/** Checks that Tor has bootstrapped, by its own report. */
export async function checkBootstrap({
  tor,
  torAnswers,
  config,
}: Pick<Facts, 'tor' | 'torAnswers' | 'config'>): Promise<Verdict> {
  const found = await tor();
  if (found.kind !== 'running') return skip(NO_TOR);
  if (found.program === 'arti') return skip('unknown: arti has no control port');
  try {
    const { bootstrapPercent, bootstrapSummary, state } = (await torAnswers()).status;
    if (bootstrapPercent < BOOTSTRAPPED_PERCENT) {
      return fail(
        `Tor is at ${bootstrapPercent} %: ${bootstrapSummary ?? ''}`,
        'If Tor has just started, wait. Otherwise check that this machine is online and its clock is right. If Tor is blocked here, configure a bridge.',
      );
    }
    if (state === 'up') return ok('Tor is connected to its network');
    return warn('Tor has no circuit', 'Check that this machine is online. Tor’s own log says more.');
  } catch (thrown) {
    const { problem } = toDns4torError(thrown);
    const isNamed = config.tor.control.kind === 'tcp' || config.tor.control.kind === 'unix';
    // With `auto`, a control port is optional.
    if (!isNamed) return skip(NO_CONTROL);
    return warn(
      `Tor’s control port is unusable: ${problem}`,
      'Check that --tor-control names Tor’s control port, and that you may read its cookie file.',
    );
  }
}

const ARTI_KEY_ADVICE = 'Put the key into arti’s own keystore, or use tor.';
const KEY_ADVICE = 'Start dns4tor: it gives Tor the key from --onion-auth-file.';

/** Checks that Tor holds the configured key for an onion service with client authorisation. */
export async function checkOnionKey(
  { tor, torAnswers }: Pick<Facts, 'tor' | 'torAnswers'>,
  address: string,
): Promise<Verdict> {
  const found = await tor();
  if (found.kind !== 'running') return skip(NO_TOR);
  if (found.program === 'arti') return warn(`arti takes no key for ${address}.onion from dns4tor`, ARTI_KEY_ADVICE);
  const answers = await torAnswers().catch(() => undefined);
  switch (answers?.onionKeys.get(address)) {
    case 'present':
      return ok(`Tor has the key for ${address}.onion`);
    case 'another':
      return warn(`Tor has another key for ${address}.onion`, KEY_ADVICE);
    case 'absent':
      return warn(`Tor has no key for ${address}.onion`, KEY_ADVICE);
    case undefined:
      return skip(NO_CONTROL);
  }
}
