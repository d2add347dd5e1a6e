import { EDE, FAILURE_CODES, failureKind, failureText } from '../../src/failures/failures.ts';
import { systemClock, type Timer } from '../../src/lib/clock.ts';
import { LAB_ZONE } from '../fixtures/dns/lab-zone.ts';
import { UdpClient } from '../fixtures/dns/udp-client.ts';
import { readReply } from '../protocol/reply.ts';

export const QUERIES_PER_SECOND = 20;

/** Time between two queries. */
const INTERVAL_MS = 1000 / QUERIES_PER_SECOND;

/**
 * The kinds of names, in turn. Half of them are `new`: never queried before, so only upstream can answer. `brief` names
 * repeat with a TTL of three seconds, so an outage leaves only stale answers. `kept` names repeat with a TTL of five
 * minutes.
 */
const MIX = ['new', 'brief', 'new', 'kept', 'new', 'brief', 'new', 'brief'] as const;

export type QueryKind = (typeof MIX)[number];

/** Number of names of each kind that repeats. */
const NAMES = 5;

const ZONE = LAB_ZONE.slice(0, -1);

/** `fresh`: an answer that has not expired. `failed`: a reply without an answer. `unanswered`: no reply. */
export type Outcome = 'fresh' | 'stale' | 'failed' | 'unanswered';

/** One query and its outcome. */
export interface Asked {
  readonly kind: QueryKind;
  readonly name: string;
  /** By systemClock. */
  readonly sentAtMs: number;
  /** Absent while the query waits. */
  readonly end?: {
    readonly outcome: Outcome;
    readonly atMs: number;
    /** Why the query failed or got a stale answer: dns4tor's failure label, or the RCODE. Empty for a fresh answer. */
    readonly reason: string;
  };
}

/**
 * A client that sends twenty queries a second whatever happens (an open loop). One that waits for answers would send
 * the fewest when it matters most.
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

  /** @param patienceMs after this time, a query counts as unanswered */
  static async start(port: number, patienceMs: number): Promise<Load> {
    return new Load(await UdpClient.open(port, '127.0.0.1', patienceMs));
  }

  /** All queries so far, in the order sent. */
  get asked(): readonly Asked[] {
    return this.#asked;
  }

  /** Stops sending. Resolves when no query waits. */
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

/** The label of the failure whose text an Extended DNS Error carries. */
function reasonOf(rcode: string, text: string | undefined): string {
  const code = FAILURE_CODES.find((candidate) => failureText(candidate) === text);
  return code === undefined ? rcode : failureKind(code).label;
}
