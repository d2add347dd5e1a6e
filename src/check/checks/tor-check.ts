import { formatTorAddress } from '../../tor/tor-address.ts';
import { toDns4torError } from '../../failures/errors.ts';
import type { Facts } from '../facts.ts';
import { fail, failWith, ok, skip, type Verdict, warn } from '../check-verdict.ts';

/** Whether there is a Tor to go through. */
export async function checkTor({ tor }: Pick<Facts, 'tor'>): Promise<Verdict> {
  const found = await tor();
  switch (found.kind) {
    case 'running': {
      const where = formatTorAddress(found.socks);
      if (found.standing === 'tor') return ok(`Tor answers at ${where}`);
      return warn(
        `a program at ${where} speaks Tor’s protocol, but dns4tor cannot tell whether it is Tor`,
        'Reach Tor over a unix socket (--tor-socks unix:/path). Until then, only certificates for the upstream’s own name are accepted.',
      );
    }
    case 'startable':
      return warn(`no Tor runs; dns4tor starts one of its own (${found.version})`, 'Start dns4tor, and check again.');
    case 'missing':
      return failWith(found.error, 'Start tor, or name its port with --tor-socks.');
  }
}

const COMPLETE_PERCENT = 100;

/** How far that Tor is on the way to its network, as it says itself. */
export async function checkBootstrap({
  tor,
  torAnswers,
  config,
}: Pick<Facts, 'tor' | 'torAnswers' | 'config'>): Promise<Verdict> {
  if ((await tor()).kind !== 'running') return skip('there is no Tor to ask');
  try {
    const { bootstrapPercent, bootstrapSummary, state } = (await torAnswers()).status;
    if (bootstrapPercent < COMPLETE_PERCENT) {
      return fail(
        `Tor is at ${bootstrapPercent} %: ${bootstrapSummary ?? ''}`,
        'Wait if it has just been started; else see whether this machine is online, its clock is right, and Tor is blocked here, so that it needs a bridge.',
      );
    }
    if (state === 'up') return ok('Tor is connected to its network');
    return warn('Tor has no circuit', 'See whether this machine is online; Tor’s own log says more.');
  } catch (thrown) {
    const { problem } = toDns4torError(thrown);
    const isNamed = config.tor.control.kind === 'tcp' || config.tor.control.kind === 'unix';
    // What nobody has asked for by name is no fault when it is not there.
    if (!isNamed) return skip('not known: Tor has no control port that may be read here');
    return warn(
      `Tor cannot be asked: ${problem}`,
      'See whether --tor-control names its control port, and whether you may read its cookie.',
    );
  }
}

const KEY_ADVICE = 'Start dns4tor: it gives Tor the key from --onion-auth-file.';

/** Whether Tor holds the configured key for an onion service with client authorisation. */
export async function checkOnionKey(
  { tor, torAnswers }: Pick<Facts, 'tor' | 'torAnswers'>,
  address: string,
): Promise<Verdict> {
  if ((await tor()).kind !== 'running') return skip('there is no Tor to ask');
  const answers = await torAnswers().catch(() => undefined);
  switch (answers?.onionKeys.get(address)) {
    case 'present':
      return ok(`Tor has the key for ${address}.onion`);
    case 'another':
      return warn(`Tor has another key for ${address}.onion`, KEY_ADVICE);
    case 'absent':
      return warn(`Tor has no key for ${address}.onion`, KEY_ADVICE);
    case undefined:
      return skip('not known: Tor has no control port that may be read here');
  }
}
