// The command as dist/launch/dns4tor.js runs it, from the sources.
import process from 'node:process';
import { main } from '../../src/cli/main.ts';

await main(process.argv.slice(2));
