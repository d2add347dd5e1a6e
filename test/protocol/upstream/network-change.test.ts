import { test } from 'node:test';
import { runNamespaced } from '../namespaced.ts';

test('a new address of the machine replaces the circuits, and no query fails meanwhile', () =>
  runNamespaced('new-address'));
