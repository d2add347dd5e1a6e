import { systemClock, type Timer } from '../../src/lib/clock.ts';
import { EDE, FAILURE_CODES, failureKind, failureText } from '../../src/failures/failures.ts';
import { LAB_ZONE } from '../fixtures/lab-zone.ts';
import { UdpClient } from '../fixtures/udp-client.ts';
import { readReply } from '../protocol/reply.ts';

export const QUERIES_PER_SECOND = 20;

/** Between two queries. */
const INTERVAL_MS = 1000 / QUERIES_PER_SECOND;

/**
 * What is asked, by what the cache can do for it, in turn. Half of all is `new`: a name that nobody has asked for, so that only upstream can
 * answer. `brief` names come again, and live for three seconds, so that in an outage there are none but expired answers to them. `kept`
 * ones come again and live for five minutes.
 */
const MIX = ['new', 'brief', 'new', 'kept', 'new', 'brief', 'new', 'brief'] as const;

export type QueryKind = (typeof MIX)[number];

/** How many names of each kind that comes again. */
const NAMES = 5;

const ZONE = LAB_ZONE.slice(0, -1);

/** `fresh`: an answer that has not expired. `failed`: a reply that is none. `unanswered`: no reply at all. */
export type Outcome = 'fresh' | 'stale' | 'failed' | 'unanswered';

/** One query and what became of it. */
export interface Asked {
  readonly kind: QueryKind;
  readonly name: string;
  /** On systemClock. */
  readonly sentAtMs: number;
  /** Absent while it waits. */
  readonly end?: {
    readonly outcome: Outcome;
    readonly atMs: number;
    /** Why it failed or is stale: the label of a failure of dns4tor, or the RCODE. Empty for what is fresh. */
    readonly reason: string;
  };
}

/**
 * A client that asks twenty questions a second whatever becomes of them (an open loop): one that waited for answers would ask least when it
 * matters most.
 */
export class Load implements AsyncDisposable {
  readonly #client: UdpClient;
  readonly #asked: Asked[] = [];
  readonly #open = new Set<Promise<void>>();
  readonly #startedAtMs = systemClock.now();
  #timer: Timer | undefined;

  private constructor(client: UdpClient) {
    this.#client = client;
    this.#sendWhatIsDue();
  }

  /** @param patienceMs past it a query counts as unanswered */
  static async start(port: number, patienceMs: number): Promise<Load> {
    return new Load(await UdpClient.open(port, '127.0.0.1', patienceMs));
  }

  /** All queries so far, in the order in which they were sent. */
  get asked(): readonly Asked[] {
    return this.#asked;
  }

  /** Sends no more; resolves when none waits. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    await Promise.all(this.#open);
  }

  #sendWhatIsDue(): void {
    const due = Math.floor((systemClock.now() - this.#startedAtMs) / INTERVAL_MS);
    while (this.#asked.length <= due) this.#send(this.#asked.length);
    const nextAtMs = this.#startedAtMs + this.#asked.length * INTERVAL_MS;
    this.#timer = systemClock.schedule(Math.max(0, nextAtMs - systemClock.now()), () => this.#sendWhatIsDue());
  }

  #send(index: number): void {
    const kind = MIX[index % MIX.length] as QueryKind;
    const name = nameOf(kind, index);
    const sentAtMs = systemClock.now();
    this.#asked.push({ kind, name, sentAtMs });
    const waiting = this.#client
      .ask({ name, edns: {} })
      .then(judge, () => ({ outcome: 'unanswered', reason: 'no reply' }) as const)
      .then((judgement) => {
        this.#asked[index] = { kind, name, sentAtMs, end: { ...judgement, atMs: systemClock.now() } };
      })
      .finally(() => this.#open.delete(waiting));
    this.#open.add(waiting);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.cancel();
    await this.#client[Symbol.asyncDispose]();
  }
}

function nameOf(kind: QueryKind, index: number): string {
  const number = kind === 'new' ? index : Math.floor(index / MIX.length) % NAMES;
  return `${kind}-${number}.${kind === 'brief' ? 'brief' : 'wild'}.${ZONE}`;
}

function judge(wire: Buffer): { readonly outcome: Outcome; readonly reason: string } {
  const { rcode, ede, answers } = readReply(wire);
  const reason = reasonOf(rcode, ede?.text);
  if (rcode !== 'NOERROR' || answers.length === 0) return { outcome: 'failed', reason };
  return ede?.code === EDE.staleAnswer ? { outcome: 'stale', reason } : { outcome: 'fresh', reason: '' };
}

/** The label of the failure that the text of an Extended DNS Error explains. */
function reasonOf(rcode: string, text: string | undefined): string {
  const code = FAILURE_CODES.find((candidate) => failureText(candidate) === text);
  return code === undefined ? rcode : failureKind(code).label;
}
