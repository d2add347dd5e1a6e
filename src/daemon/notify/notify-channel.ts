import type { UnixDatagramCalls } from '../../listener/udp/linux-sockets.ts';
import type { Runner } from '../../system/command.ts';

/** Part of systemd, so it is there where systemd is. */
const PROGRAM = 'systemd-notify';

/** What a channel needs. */
export interface NotifyChannelComponents {
  /** Sends the datagrams itself. Without it, each message costs a process: Node has no unix datagram sockets. */
  readonly sockets: UnixDatagramCalls | undefined;
  readonly run: Runner;
  /** Called for a message that no way could deliver, with the reason. */
  readonly onFailed: (reason: string) => void;
}

/**
 * Sends messages to the service manager (sd_notify(3)), in order. Uses a datagram of this process, or the program
 * systemd-notify where that is impossible: without koffi, or while the manager's queue is full.
 */
export class NotifyChannel {
  readonly #components: NotifyChannelComponents;
  readonly #path: string;
  /** The last message that a program delivers. */
  #delivering: Promise<void> | undefined;

  /** @param path of the manager's socket; a leading `@` stands for an abstract name */
  constructor(components: NotifyChannelComponents, path: string) {
    this.#components = components;
    this.#path = path;
  }

  /** @param assignments such as `READY=1`; a line break in one becomes a space, because it would begin another one */
  send(...assignments: readonly string[]): void {
    const lines = assignments.map((assignment) => assignment.replaceAll(/[\0\r\n]+/g, ' '));
    if (this.#delivering === undefined && this.#sendDatagram(lines)) return;
    const earlier = this.#delivering ?? Promise.resolve();
    const delivering = earlier
      .then(() => this.#runProgram(lines))
      .then(() => {
        if (this.#delivering === delivering) this.#delivering = undefined;
      });
    this.#delivering = delivering;
  }

  #sendDatagram(lines: readonly string[]): boolean {
    const { sockets } = this.#components;
    try {
      sockets?.sendToUnix(this.#path, Buffer.from(lines.join('\n')));
      return sockets !== undefined;
    } catch {
      return false;
    }
  }

  async #runProgram(lines: readonly string[]): Promise<void> {
    const { run, onFailed } = this.#components;
    const env = `NOTIFY_SOCKET=${this.#path}`;
    const { status, stderr } = await run(['env', env, PROGRAM, ...lines]);
    if (status !== 0) onFailed(stderr.trim().split('\n', 1).join() || `${PROGRAM} ended with status ${status}`);
  }
}
