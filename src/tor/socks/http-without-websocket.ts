import process from 'node:process';

/*
 * Hides the lazily loaded exports of node:http. Import this for its side effect, before agent-base: that package is an
 * ES module that imports all of node:http, and Node then reads every export. Reading these three loads Node's built-in
 * WebSocket with an HTTP client, which costs 33 ms of CPU time and 4 MiB.
 */
const LAZY_EXPORTS: readonly string[] = ['CloseEvent', 'MessageEvent', 'WebSocket'];

// Not `import`, which would read them as well.
const http = process.getBuiltinModule('node:http');
for (const name of LAZY_EXPORTS) {
  Object.defineProperty(http, name, { value: undefined, configurable: true, enumerable: true });
}
