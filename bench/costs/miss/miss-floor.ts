// Run by miss-run.ts in its own process: the cost of TLS and HTTP/2 alone. On SIGUSR2 it sends the same requests
// as dns4tor over the same path, and reports when all are answered. It does nothing else.
import { readFile } from 'node:fs/promises';
import { type ClientHttp2Session, connect } from 'node:http2';
import process from 'node:process';
import { systemClock } from '../../../src/lib/clock.ts';
import { buildUpstreamQuery } from '../../../src/message/upstream-query.ts';
import { encodeQuestion } from '../../../src/message/wire/codec.ts';
import { TorAgent } from '../../../src/tor/socks/agent.ts';
import { judgeManagedTor } from '../../../src/tor/socks/socks-peer.ts';
import { createTorConnector } from '../../../src/tor/tls/connector.ts';

const DIAL_DEADLINE_MS = 10_000;
const WARM_UP_AT_A_TIME = 50;
const PORT = 443;
const MEDIA_TYPE = 'application/dns-message';

const [socksPort, host = '', authorityPath = '', ...counts] = process.argv.slice(2);
const [warmUpRequests = 0, requestsPerSecond = 0, seconds = 0] = counts.map(Number);
const intervalMs = 1000 / requestsPerSecond;
const requestsEachTime = requestsPerSecond * seconds;

// Built in advance, because that is not the work of HTTP.
const queries = Array.from({ length: Math.max(warmUpRequests, requestsEachTime) }, (_, i) =>
  buildUpstreamQuery(encodeQuestion(`f${i}.dns4tor-lab.net`, 'A'), false, false),
);

const dial = createTorConnector({
  agent: () =>
    new TorAgent({
      socks: { kind: 'tcp', host: '127.0.0.1', port: Number(socksPort) },
      credentials: { username: 'floor', password: 'floor' },
      clock: systemClock,
      judgePeer: judgeManagedTor,
    }),
  tls: {
    servername: host,
    names: [host],
    namesThroughTor: [],
    pins: [],
    chainHashes: [],
    ca: await readFile(authorityPath, 'utf8'),
    alpn: ['h2'],
  },
  deadlineMs: DIAL_DEADLINE_MS,
  clock: systemClock,
});
const socket = await dial({ host, port: PORT });
const session: ClientHttp2Session = connect(`https://${host}`, {
  createConnection: () => socket,
  settings: { enablePush: false },
});

function post(query: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':authority': host,
      ':path': '/dns-query',
      accept: MEDIA_TYPE,
      'content-type': MEDIA_TYPE,
      'content-length': query.length,
    });
    stream.on('data', () => {});
    stream.on('error', reject);
    stream.on('close', resolve);
    stream.end(query);
  });
}

async function warmUp(): Promise<void> {
  for (let first = 0; first < warmUpRequests; first += WARM_UP_AT_A_TIME) {
    await Promise.all(queries.slice(first, first + WARM_UP_AT_A_TIME).map(post));
  }
}

/** Sends each request at its time, as dnsperf does, whether or not earlier ones are answered. */
function sendAll(): Promise<void> {
  const startedAt = systemClock.now();
  return new Promise((resolve, reject) => {
    let sent = 0;
    let answered = 0;
    const sendDue = (): void => {
      for (const due = (systemClock.now() - startedAt) / intervalMs; sent < Math.min(due, requestsEachTime); ) {
        post(queries[sent++] as Uint8Array).then(() => {
          if (++answered === requestsEachTime) resolve();
        }, reject);
      }
      if (sent < requestsEachTime) systemClock.schedule(intervalMs, sendDue);
    };
    sendDue();
  });
}

process.on('SIGUSR2', () => void sendAll().then(() => process.stdout.write('answered\n')));
await warmUp();
process.stdout.write('ready\n');
