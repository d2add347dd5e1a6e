import { readFile } from 'node:fs/promises';
import { findProgram } from '../fixtures/find-program.ts';
import { waitUntil } from '../fixtures/wait-until.ts';

const END_TIMEOUT_MS = 10_000;

/** What runs the command that follows and writes the calls to a file, as its grandchild, so that signals reach the command. */
export async function traceTo(path: string): Promise<string[]> {
  const calls = 'connect,sendto,sendmsg,sendmmsg,socket,open,openat,creat';
  return [await findProgram('strace'), '-f', '-DD', '-s', '256', '-e', `trace=${calls}`, '-o', path];
}

export interface SystemCalls {
  /** The families of sockets that were made, each once. */
  readonly families: readonly string[];
  /** What was connected to or sent to, each once: an IP address, the path of a unix socket, or the family alone. */
  readonly connected: readonly string[];
  readonly sentTo: readonly string[];
  /** What was opened to be written or made. */
  readonly openedToWrite: readonly string[];
}

/** The calls of a process that has ended, and of all its threads and children. */
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

/** Of one call that sends to many, all. */
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
