// `npm run docs`: writes the tables and examples in README.md and docs, the configuration file and its schema.
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { GENERATED } from './generated.ts';

for (const [path, render] of Object.entries(GENERATED)) {
  writeFileSync(new URL(`../../${path}`, import.meta.url), render());
  process.stdout.write(`${path}\n`);
}
