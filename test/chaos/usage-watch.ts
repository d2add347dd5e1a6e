import { systemClock, type Timer } from '../../src/lib/clock.ts';
import { cpuSeconds, openDescriptors, residentBytes } from '../fixtures/process/process-usage.ts';

const SAMPLE_MS = 500;

/** Resources of a process at the start, and their peaks since then, sampled twice a second. */
export interface Usage {
  readonly startBytes: number;
  readonly peakBytes: number;
  readonly startDescriptors: number;
  readonly peakDescriptors: number;
  /** Share of one core, from 0 to 1. */
  readonly cpuShare: number;
}

/** Watches the resource usage of a process. */
export class UsageWatch implements Disposable {
  readonly #pid: number;
  readonly #startedAtMs = systemClock.now();
  readonly #startBytes: number;
  readonly #startDescriptors: number;
  readonly #startCpuSeconds: number;
  #peakBytes: number;
  #peakDescriptors: number;
  #timer: Timer | undefined;

  private constructor(pid: number, bytes: number, descriptors: number, cpu: number) {
    this.#pid = pid;
    this.#startBytes = this.#peakBytes = bytes;
    this.#startDescriptors = this.#peakDescriptors = descriptors;
    this.#startCpuSeconds = cpu;
    this.#lookLater();
  }

  static async start(pid: number): Promise<UsageWatch> {
    return new UsageWatch(pid, await residentBytes(pid), await openDescriptors(pid), await cpuSeconds(pid));
  }

  /** The usage so far. Rejects if the process has ended. */
  async read(): Promise<Usage> {
    await this.#look();
    const seconds = (systemClock.now() - this.#startedAtMs) / 1000;
    return {
      startBytes: this.#startBytes,
      peakBytes: this.#peakBytes,
      startDescriptors: this.#startDescriptors,
      peakDescriptors: this.#peakDescriptors,
      cpuShare: ((await cpuSeconds(this.#pid)) - this.#startCpuSeconds) / seconds,
    };
  }

  #lookLater(): void {
    this.#timer = systemClock.schedule(SAMPLE_MS, () => {
      this.#lookLater();
      // If the process has ended, `read` rejects.
      this.#look().catch(() => {});
    });
  }

  async #look(): Promise<void> {
    this.#peakBytes = Math.max(this.#peakBytes, await residentBytes(this.#pid));
    this.#peakDescriptors = Math.max(this.#peakDescriptors, await openDescriptors(this.#pid));
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
  }
}
