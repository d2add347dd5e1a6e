#!/usr/bin/env node
// Plain JavaScript that any Node can parse: an old Node must meet a sentence here, not a syntax error.
const OLDEST_NODE = 24;

if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
  process.stderr.write(
    `dns4tor: this is Node ${process.versions.node}, but Node ${OLDEST_NODE} or newer is needed. ` +
      'Install one from https://nodejs.org, or run `npm start` in a checkout, which brings its own.\n',
  );
  process.exit(1);
}

// Not `import`: it would read through the whole program for names to import, and bring the machinery for that along.
const { createRequire } = process.getBuiltinModule('node:module');
const { main } = createRequire(import.meta.url)('../dist/cli/main.cjs');
await main(process.argv.slice(2));
