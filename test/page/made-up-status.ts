import assert from 'node:assert/strict';
import { type MetricsServer, startMetricsServer } from '../../src/http/metrics-server.ts';
import { createPageFiles } from '../../src/http/page-files.ts';
import { systemClock } from '../../src/lib/clock.ts';

/** Starts the page's server with a made-up status. */
export function serveStatus(status: () => object, port: number = 0): Promise<MetricsServer> {
  return startMetricsServer({
    endpoint: { kind: 'tcp', host: 'localhost', port },
    exposition: { contentType: 'text/plain', render: async () => '' },
    ready: async () => ({ ready: true, state: 'working', detail: '' }),
    status,
    readPageFile: createPageFiles(new URL('../../dist/page/', import.meta.url)),
    clock: systemClock,
    onError: (error) => assert.fail(error),
  });
}
