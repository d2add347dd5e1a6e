import { PROMISES, type Promised } from '../../test/leaks/promises.ts';
import { renderTable } from './markdown.ts';

/** The table in docs/guarantees.md. */
export function renderPromises(): string {
  return renderTable(['', 'promise', 'tests'], PROMISES.map(cells));
}

function cells({ id, promise, proofs }: Promised): readonly string[] {
  const files = [...new Set(proofs.map(({ file }) => file))];
  return [id, promise, files.map((file) => `[${file.replace(/^test\//, '')}](../${file})`).join(', ')];
}
