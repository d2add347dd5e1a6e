import type { BreakerState, CircuitStatus } from '../../model/upstream-status.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import type { AlternativeServices } from './alternative-services.ts';
import type { CircuitsUpstream, ExchangeContext } from '../upstream.ts';

/** A resolver by name, whose connections go to its alternative services where it has any. */
export class OpportunisticUpstream implements CircuitsUpstream {
  readonly address: string;
  readonly #services: AlternativeServices;
  readonly #circuits: CircuitsUpstream;

  /** @param circuits whose connections ask `services` where to go; owned from here on */
  constructor(services: AlternativeServices, circuits: CircuitsUpstream) {
    this.address = circuits.address;
    this.#services = services;
    this.#circuits = circuits;
  }

  get openConnections(): number {
    return this.#circuits.openConnections;
  }

  get queueDepth(): number {
    return this.#circuits.queueDepth;
  }

  get breakerStates(): readonly BreakerState[] {
    return this.#circuits.breakerStates;
  }

  get circuits(): readonly CircuitStatus[] {
    return this.#circuits.circuits;
  }

  get failure(): ErrorCode | undefined {
    return this.#circuits.failure;
  }

  get alternatives(): number {
    return this.#services.fresh;
  }

  renewAll(): void {
    this.#services.networkChanged();
    this.#circuits.renewAll();
  }

  exchange(query: Uint8Array, context: ExchangeContext): Promise<Uint8Array> {
    return this.#circuits.exchange(query, context);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#circuits[Symbol.asyncDispose]();
  }
}
