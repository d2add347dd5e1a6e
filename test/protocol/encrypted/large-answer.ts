import type { DohBehaviour } from '../../fixtures/dns/recording-doh-server.ts';
import { addressOf, answering } from '../upstream-messages.ts';

/** A name whose answer has 56 kB. */
export const LARGE_NAME = 'large.dns4tor-lab.net';

/** The upstream's answer for that name. */
export const LARGE_ANSWER: DohBehaviour = answering({ answers: Array.from({ length: 3500 }, () => addressOf()) });
