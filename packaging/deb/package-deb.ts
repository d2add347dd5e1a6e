// Builds dns4tor_VERSION_ARCHITECTURE.deb into build/.
import process from 'node:process';
import { buildDeb } from './build.ts';
import { inCheckout } from './checkout.ts';
import { readRelease } from './release.ts';

process.stdout.write(
  `${await buildDeb({ release: await readRelease(), folder: inCheckout('build'), compression: 'small' })}\n`,
);
