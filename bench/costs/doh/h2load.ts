import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildQuery } from '../../../test/fixtures/dns/messages.ts';
import { findProgram } from '../../../test/fixtures/process/find-program.ts';
import { runProgram } from '../../../test/fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../../../test/fixtures/temporary-directory.ts';
import { LOADER_CORE } from '../cores.ts';
import { type H2loadResult, parseH2load, parseRequestLog, type ResponseTimes } from './h2load-output.ts';

export interface H2loadRun {
  /** Port on 127.0.0.1. */
  readonly port: number;
  readonly path: string;
  /** Names, whose A records are looked up in turn. POST sends only the first. */
  readonly names: readonly string[];
  /** Complete requests on all connections together. */
  readonly requests: number;
  readonly connections: number;
  /** Maximum concurrent requests on each connection. */
  readonly streams: number;
  readonly method: 'GET' | 'POST';
  readonly http: 1 | 2;
  /** On all connections together. Undefined: as many as are answered. */
  readonly queriesPerSecond?: number;
}

/** The DNS query for a name as DoH clients send it, with the ID 0 (RFC 8484 §4.1). */
export function dohQuery(name: string): Uint8Array {
  return buildQuery({ id: 0, name, type: 'A' });
}

/** The path of a GET request (RFC 8484 §4.1.1). */
export function pathOfGet(path: string, name: string): string {
  return `${path}?dns=${Buffer.from(dohQuery(name)).toString('base64url')}`;
}

/**
 * Loads a DoH server from the load generator's core. h2load takes less than 10 µs for a request, less than any of the
 * servers. (`dnsperf -m doh` takes more, knows no HTTP/1.1, and version 2.10 stalls when a TLS record holds several
 * answers.)
 */
export async function runH2load(run: H2loadRun): Promise<H2loadResult & ResponseTimes> {
  await using directory = await createTemporaryDirectory();
  const at = (name: string): string => join(directory.path, name);
  const [first = ''] = run.names;
  const origin = `https://127.0.0.1:${run.port}`;
  await writeFile(at('log'), '');
  await writeFile(at('query'), dohQuery(first));
  await writeFile(at('urls'), run.names.map((name) => `${origin}${pathOfGet(run.path, name)}\n`).join(''));
  const perConnection = run.queriesPerSecond === undefined ? undefined : run.queriesPerSecond / run.connections;
  const args = [
    '--cpu-list',
    String(LOADER_CORE),
    await findProgram('h2load'),
    ...(run.http === 1 ? ['--h1'] : []),
    // The first choice of dnsperf. With more to choose from, not all servers would choose the same.
    '--tls13-ciphers=TLS_AES_256_GCM_SHA384',
    `--requests=${run.requests}`,
    `--clients=${run.connections}`,
    `--max-concurrent-streams=${run.streams}`,
    // Writing a line for each request would take time at saturation.
    ...(perConnection === undefined ? [] : ['--rps', String(perConnection), '--log-file', at('log')]),
    ...(run.method === 'GET'
      ? ['-i', at('urls')]
      : ['-d', at('query'), '-H', 'content-type: application/dns-message', `${origin}${run.path}`]),
  ];
  const output = await runProgram('taskset', args);
  return { ...parseH2load(output), ...parseRequestLog(await readFile(at('log'), 'utf8')) };
}
