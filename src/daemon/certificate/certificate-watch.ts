import { statSync } from 'node:fs';
import type { Config, TlsConfig } from '../../config/config.ts';
import { readCertificateAndKey } from '../../config/parse/server-certificate.ts';
import { Dns4torError } from '../../failures/errors.ts';
import { joinRemedy } from '../../failures/failures.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import { MS_PER_HOUR } from '../../lib/units.ts';
import type { ServerIdentity } from '../../listener/tls/server-identity.ts';
import type { Logger } from '../../log/logger.ts';
import { type CertificateValidity, daysLeft, readValidity, validityAt } from '../../model/tls/certificate-validity.ts';
import type { Apply, Reloadable } from '../reload/reloader.ts';

/** Time between two looks at the files. Polling also notices that a symbolic link, such as certbot's, is replaced. */
const LOOK_MS = 10_000;

/** Time between two warnings that the certificate expires. */
const WARNING_MS: number = 24 * MS_PER_HOUR;

interface WatchComponents {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly identity: Pick<ServerIdentity, 'replace'>;
}

/**
 * The certificate that DoT and DoH present. It is replaced when its files change, and at a reload. Files that cannot be
 * used change nothing. Warns once a day while the certificate needs renewal.
 */
export class CertificateWatch implements Reloadable, Disposable {
  readonly #components: WatchComponents;
  #tls: TlsConfig;
  #validity: CertificateValidity;
  /** The state of the files that was dealt with. */
  #seen: string | undefined;
  /** The files could not be used at the latest look. A renewal may have written only one of them by then. */
  #isSuspected = false;
  #lookTimer: Timer;
  #warningTimer: Timer | undefined;

  /** @param tls what `identity` presents */
  constructor(components: WatchComponents, tls: TlsConfig) {
    this.#components = components;
    this.#tls = tls;
    this.#validity = readValidity(tls.certificate);
    this.#lookTimer = this.#scheduleLook();
    this.#warn();
  }

  /** The validity of the chain in use. */
  get validity(): CertificateValidity {
    return this.#validity;
  }

  /** Uses the certificate that the configuration names. Without one, no listener is configured any more. */
  async prepare({ encrypted: { tls } }: Config): Promise<Apply> {
    return () => {
      if (tls !== undefined) this.#use(tls);
      // Other files, or others than the configuration has read by now.
      this.#seen = undefined;
      return undefined;
    };
  }

  #scheduleLook(): Timer {
    return this.#components.clock.schedule(LOOK_MS, () => {
      this.#look();
      this.#lookTimer = this.#scheduleLook();
    });
  }

  #look(): void {
    const { certificatePath, keyPath } = this.#tls;
    // Before reading: a change during it is noticed at the next look.
    const state = `${stateOf(certificatePath)} ${stateOf(keyPath)}`;
    if (state === this.#seen) return;
    const read = readCertificateAndKey(certificatePath, keyPath);
    if (!('problem' in read)) {
      this.#seen = state;
      this.#isSuspected = false;
      this.#use(read.value);
      return;
    }
    if (this.#isSuspected) {
      this.#seen = state;
      const reason = joinRemedy(read.problem, read.remedy);
      this.#components.logger.log('warn', 'certificate_kept', { reason, code: 'ERR_CONFIG' });
    }
    this.#isSuspected = !this.#isSuspected;
  }

  #use(tls: TlsConfig): void {
    const { clock, logger, identity } = this.#components;
    const isSame = tls.certificate === this.#tls.certificate && tls.key.equals(this.#tls.key);
    if (!isSame) identity.replace(tls);
    this.#tls = tls;
    if (isSame) return;
    this.#validity = readValidity(tls.certificate);
    logger.log('info', 'certificate_replaced', { days: daysLeft(this.#validity, clock.epochMs()) });
    this.#warn();
  }

  /** Warns if the certificate needs renewal, and looks again in a day. */
  #warn(): void {
    const { clock, logger } = this.#components;
    this.#warningTimer?.cancel();
    this.#warningTimer = clock.schedule(WARNING_MS, () => this.#warn());
    const now = clock.epochMs();
    const state = validityAt(this.#validity, now);
    if (state === 'expiring') logger.log('warn', 'certificate_expiring', { days: daysLeft(this.#validity, now) });
    if (state === 'expired' || state === 'not_yet') {
      const { message, code } = new Dns4torError('ERR_CERTIFICATE_EXPIRED');
      logger.log('warn', 'certificate_expired', { reason: message, code });
    }
  }

  [Symbol.dispose](): void {
    this.#lookTimer.cancel();
    this.#warningTimer?.cancel();
  }
}

/** What changes when a file, or a symbolic link to it, is replaced, written or given other permissions. */
function stateOf(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(':');
  } catch {
    return 'unreadable';
  }
}
