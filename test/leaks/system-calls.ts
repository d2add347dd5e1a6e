import { readFile } from 'node:fs/promises';
import { findProgram } from '../fixtures/process/find-program.ts';
import { waitUntil } from '../fixtures/wait-until.ts';

const END_TIMEOUT_MS = 10_000;

/**
 * A wrapper that traces a command's system calls to a file. strace runs as its grandchild, so signals reach the
 * command.
 */
export async function traceTo(path: string): Promise<string[]> {
  const calls = 'connect,sendto,sendmsg,sendmmsg,socket,open,openat,creat';
  return [await findProgram('strace'), '-f', '-DD', '-s', '256', '-e', `trace=${calls}`, '-o', path];
}

export interface SystemCalls {
  /** The families of created sockets, each once. */
  readonly families: readonly string[];
  /** Destinations, each once: an IP address, the path of a unix socket, or just the family. */
  readonly connected: readonly string[];
  readonly sentTo: readonly string[];
  /** Files opened for writing or created. */
  readonly openedToWrite: readonly string[];
}

/** Reads the calls of a process that has ended, including its threads and children. */
export async function readSystemCalls(path: string, pid: number): Promise<SystemCalls> {
  const ended = new RegExp(`^${pid} +\\+\\+\\+ `, 'm');
  await waitUntil('the trace is complete', END_TIMEOUT_MS, async () => ended.test(await readFile(path, 'utf8')));
  const calls = [...(await readFile(path, 'utf8')).matchAll(/^\d+ +(\w+)\((.*)$/gm)].map(([, name = '', args = '']) => {
    return { name, args };
  });
  const of = (...names: readonly string[]): string[] =>
    calls.filter(({ name }) => names.includes(name)).map(({ args }) => args);
  const addressed = (list: readonly string[]): string[] => list.filter((args) => args.includes('sa_family='));
  return {
    families: unique(of('socket').map((args) => /^AF_\w+/.exec(args)?.[0] ?? args)),
    connected: unique(of('connect').map(addressIn)),
    sentTo: unique(addressed(of('sendto', 'sendmsg', 'sendmmsg')).flatMap(addressesIn)),
    openedToWrite: unique(
      [...of('open', 'openat').filter((args) => /O_WRONLY|O_RDWR|O_CREAT/.test(args)), ...of('creat')].map(
        (args) => /"([^"]*)"/.exec(args)?.[1] ?? args,
      ),
    ),
  };
}

function addressIn(args: string): string {
  return addressesIn(args)[0] ?? args;
}

/** All addresses of a call, which may send to many. */
function addressesIn(args: string): string[] {
  return [...args.matchAll(/sa_family=(AF_\w+)([^}]*)/g)].map(
    ([, family = '', rest = '']) =>
      /inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"|sun_path=@?"([^"]*)"/.exec(rest)?.slice(1).find(Boolean) ??
      family,
  );
}

function unique(list: readonly string[]): string[] {
  return [...new Set(list)].toSorted();
}
