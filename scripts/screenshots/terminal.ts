import { renderStatus } from '../../src/cli/output/status-text.ts';
import { styleFor } from '../../src/cli/output/style.ts';
import type { StatusSnapshot } from '../../src/status/snapshot.ts';

const COLUMNS = 90;

/** CSS for the parameters of "select graphic rendition" (ECMA-48) that dns4tor uses. */
const LOOKS: Readonly<Record<string, string>> = {
  1: 'font-weight: bold',
  2: 'opacity: 0.6',
  31: 'color: #f28b82',
  32: 'color: #7cc29c',
  33: 'color: #e0b155',
};

const STYLE = `
  body { margin: 0; background: #151517; color: #eae8e3; }
  pre { display: inline-block; margin: 0; padding: 1.25rem; font: 14px / 1.35 'DejaVu Sans Mono', monospace; }
`;

/** The terminal output of `dns4tor status` as an HTML page that looks like a terminal. */
export function terminalPage(snapshot: StatusSnapshot): string {
  const lines = renderStatus(snapshot, { width: COLUMNS, style: styleFor({ isTTY: true }, {}) });
  const text = [...lines, ''].join('\n').replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  const marked = text.replace(/\x1b\[(\d+)m(.*?)\x1b\[0m/g, (_, look: string, inner: string) => {
    return `<span style="${LOOKS[look]}">${inner}</span>`;
  });
  return `<!doctype html><meta charset="utf-8"><style>${STYLE}</style><pre>$ dns4tor status\n${marked}</pre>`;
}
