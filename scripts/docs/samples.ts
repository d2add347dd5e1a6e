import { renderReply } from '../../src/cli/output/query-text.ts';
import { renderStatus } from '../../src/cli/output/status-text.ts';
import { PLAIN } from '../../src/cli/output/style.ts';
import type { LogFormat } from '../../src/log/log-level.ts';
import { createLogger, type Logger } from '../../src/log/logger.ts';
import { viewMessage } from '../../src/message/text/message-view.ts';
import { encodeOpt, encodeQuestion, encodeRecords } from '../../src/message/wire/codec.ts';
import { ManualClock } from '../../test/fixtures/manual-clock.ts';
import { madeUpHour } from '../screenshots/hour.ts';
import { renderBlock } from './markdown.ts';

/** What `dns4tor` prints in the examples of the docs, rendered by its own code. */

const RESOLVER = 'https://dns4torpnlfs2ifuz2s2yf3fc7rdmsbhm6rw75euj35pac6ap25zgqad.onion/dns-query';
const METRICS = '127.0.0.1:9053';
const AT_EPOCH_MS = Date.UTC(2026, 10, 29, 10, 19, 46);
/** The same, whatever the time zone of this machine is. */
const WHEN = 'Sun Nov 29 10:19:46 UTC 2026';

/** `dns4tor status --once`, of the hour that the screenshots show. */
export function renderStatusSample(): string {
  return renderBlock('text', renderStatus(madeUpHour(false), { width: 90, style: PLAIN }).join('\n'));
}

/** `dns4tor query`, of an answer that came through Tor. */
export function renderQuerySample(): string {
  return renderBlock('text', queryOutput());
}

/** The answer and how it came. */
export function renderQueryExcerpt(): string {
  const [, excerpt = ''] = /(;; ANSWER SECTION:.*)\n;; Query time/s.exec(queryOutput()) ?? [];
  return renderBlock('text', excerpt.replace(', sent after', ',\n   sent after'));
}

function queryOutput(): string {
  const reply = exampleReply();
  const view = viewMessage(reply);
  if (view === undefined) throw new Error('the example is not a DNS message');
  const text = renderReply({
    view,
    provenance: {
      source: 'upstream',
      totalMs: 1243.1,
      upstream: RESOLVER,
      waitedMs: 1.3,
      askedMs: 1241.2,
    },
    steps: [],
    server: '127.0.0.1#5053(127.0.0.1) (UDP)',
    durationMs: 1245,
    atEpochMs: AT_EPOCH_MS,
    bytes: reply.length,
  });
  return text.replace(/^;; WHEN: .*$/m, `;; WHEN: ${WHEN}`);
}

function exampleReply(): Uint8Array {
  // QR, RD, RA; one question, two answers, one additional record.
  const header = Buffer.from('9e6681800001000200000001', 'hex');
  const records = ['192.0.2.1', '192.0.2.2'].map(
    (data) => ({ name: 'example.com', type: 'A', class: 'IN', ttl: 300, data }) as const,
  );
  return Buffer.concat([
    header,
    encodeQuestion('example.com', 'A'),
    encodeRecords(records),
    encodeOpt({ udpPayloadBytes: 1232, dnssecOk: false }),
  ]);
}

/** The log of a start, without times. */
export function renderStartSample(): string {
  const text = logLines('default', (logger) => {
    logger.log('info', 'upstream_added', { url: RESOLVER });
    logger.log('info', 'listening', { address: 'dns://127.0.0.1:5053' });
    logger.log('info', 'listening', { address: 'dns://[::1]:5053' });
    logger.log('info', 'metrics_listening', { address: METRICS });
    logger.log('info', 'status_page', { address: METRICS });
    logger.log('info', 'tor_chosen', { tor: 'Tor at 127.0.0.1:9050' });
    logger.log('info', 'answers_come', { seconds: 2.1 });
  });
  return renderBlock('text', text.replaceAll(/^\S+Z /gm, ''));
}

/** One line of the log in both formats. */
export function renderLogLineSample(): string {
  const write = (logger: Logger): void => logger.log('info', 'metrics_listening', { address: METRICS });
  return renderBlock('text', logLines('default', write) + logLines('json', write));
}

function logLines(format: LogFormat, write: (logger: Logger) => void): string {
  let text = '';
  using logger = createLogger('info', format, new ManualClock(AT_EPOCH_MS), (line) => (text += line));
  write(logger);
  return text;
}
