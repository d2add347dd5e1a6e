import type { Config } from '../config/config.ts';
import { checkBrowser } from './browser.ts';
import { checkClock } from './clock.ts';
import { checkDocker } from './docker.ts';
import { checkInstallation } from './installation.ts';
import { checkListening, checkResolution } from './listening.ts';
import { checkNsswitch } from './nsswitch.ts';
import { checkPort } from './port.ts';
import { checkResolvConf } from './resolv-conf.ts';
import { checkResolved } from './resolved.ts';
import { checkRouterAdvertisements } from './router-advertisements.ts';
import type { Check } from './run-checks.ts';
import { checkBootstrap, checkOnionKey, checkTor } from './tor.ts';
import { checkAnswer, checkCertificate, checkReach } from './upstream.ts';

/** All checks in display order: the path to the resolver, then the path to dns4tor, then possible bypasses. */
export function checksFor({ upstreams, tor }: Config): readonly Check[] {
  return [
    { id: 'tor', run: checkTor },
    { id: 'bootstrap', run: checkBootstrap },
    ...tor.onionAuths.map(
      ({ address }): Check => ({
        id: 'onion-key',
        ...(tor.onionAuths.length > 1 ? { subject: `${address}.onion` } : {}),
        run: (facts) => checkOnionKey(facts, address),
      }),
    ),
    ...upstreams.flatMap((upstream): Check[] => {
      const subject = upstreams.length > 1 ? { subject: upstream.url } : {};
      return [
        { id: 'reach', ...subject, run: (facts) => checkReach(facts, upstream) },
        { id: 'certificate', ...subject, run: (facts) => checkCertificate(facts, upstream) },
        { id: 'answer', ...subject, run: (facts) => checkAnswer(facts, upstream) },
      ];
    }),
    { id: 'clock', run: checkClock },
    { id: 'listening', run: checkListening },
    { id: 'resolution', run: checkResolution },
    { id: 'port', run: checkPort },
    { id: 'installation', run: checkInstallation },
    { id: 'nsswitch', run: checkNsswitch },
    { id: 'resolv-conf', run: checkResolvConf },
    { id: 'resolved', run: checkResolved },
    { id: 'docker', run: checkDocker },
    { id: 'ipv6-router', run: checkRouterAdvertisements },
    { id: 'browser', run: checkBrowser },
  ];
}
