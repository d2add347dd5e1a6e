// A reporter for node:test that writes each finished test as one line of JSON: name, duration and outcome. Suites are
// left out, since their tests are counted.

/** @param {AsyncIterable<import('node:test/reporters').TestEvent>} events */
export default async function* results(events) {
  for await (const { type, data } of events) {
    if ((type !== 'test:pass' && type !== 'test:fail') || data.details.type === 'suite') continue;
    const outcome = data.skip !== undefined ? 'skipped' : type === 'test:pass' ? 'passed' : 'failed';
    yield `${JSON.stringify({ name: data.name, durationMs: data.details.duration_ms, outcome })}\n`;
  }
}
