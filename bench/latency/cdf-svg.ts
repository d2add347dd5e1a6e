/** One curve: the cumulative distribution of response times. */
export interface CdfCurve {
  readonly label: string;
  /** Milliseconds, ascending; Infinity for unanswered queries. */
  readonly sortedMs: readonly number[];
}

export interface CdfChart {
  readonly title: string;
  readonly subtitle: string;
  readonly curves: readonly CdfCurve[];
  /** A vertical line at a time. */
  readonly mark?: { readonly label: string; readonly timeMs: number };
}

const WIDTH = 800;
const HEIGHT = 480;
const PLOT = { left: 64, right: 776, top: 88, bottom: 424 } as const;

/** The time axis is logarithmic. */
const MIN_MS = 100;
const MAX_MS = 10_000;
const TIME_TICKS_MS: readonly number[] = [100, 200, 500, 1000, 2000, 5000, 10_000];
const SHARE_TICKS: readonly number[] = [0, 0.25, 0.5, 0.75, 0.9, 1];

/** Points per curve; more would not be visible. */
const STEPS = 400;

/** Curves differ in dashes as well as in colour, for colour-blind readers. */
const STYLE = `
  svg { font: 13px system-ui, sans-serif; background: #fff; }
  text { fill: #24292f; } .title { font-size: 17px; font-weight: 600; } .minor { fill: #57606a; }
  .grid { stroke: #d0d7de; } .mark { stroke: #8250df; stroke-dasharray: 1 4; stroke-width: 2; } .axis { stroke: #57606a; }
  .curve { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
  .c0 { stroke: #bc4c00; stroke-dasharray: 7 4; } .c1 { stroke: #1a7f37; stroke-dasharray: 2 3; } .c2 { stroke: #0969da; }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117; } text { fill: #e6edf3; } .minor { fill: #9198a1; }
    .grid { stroke: #30363d; } .mark { stroke: #bc8cff; } .axis { stroke: #9198a1; }
    .c0 { stroke: #f0883e; } .c1 { stroke: #56d364; } .c2 { stroke: #58a6ff; }
  }`;

/** Draws up to three cumulative distributions as a self-contained SVG document. */
export function drawCdf({ title, subtitle, curves, mark }: CdfChart): string {
  const grid = [
    ...SHARE_TICKS.map((share) => line('grid', PLOT.left, yOf(share), PLOT.right, yOf(share))),
    ...TIME_TICKS_MS.map((timeMs) => line('grid', xOf(timeMs), PLOT.top, xOf(timeMs), PLOT.bottom)),
  ];
  const labels = [
    ...SHARE_TICKS.map((share) => text('minor', PLOT.left - 8, yOf(share) + 4, `${share * 100} %`, 'end')),
    ...TIME_TICKS_MS.map((timeMs) => text('minor', xOf(timeMs), PLOT.bottom + 20, formatTime(timeMs), 'middle')),
    text('minor', (PLOT.left + PLOT.right) / 2, PLOT.bottom + 42, 'time until the answer (logarithmic)', 'middle'),
    text('minor', PLOT.left, PLOT.top - 12, 'share of queries answered', 'start'),
  ];
  const entries = curves.map(({ label }, i) => ({ label, style: `curve c${i}` }));
  if (mark !== undefined) entries.push({ label: mark.label, style: 'mark' });
  const legend = entries.flatMap(({ label, style }, i) => {
    const y = PLOT.bottom - 22 * (entries.length - i) + 4;
    const x = PLOT.right - 320;
    return [line(style, x, y - 4, x + 36, y - 4), text('', x + 46, y, label, 'start')];
  });
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(title)}">`,
    `<style>${STYLE}\n</style>`,
    text('title', 24, 28, title, 'start'),
    text('minor', 24, 48, subtitle, 'start'),
    ...grid,
    line('axis', PLOT.left, PLOT.bottom, PLOT.right, PLOT.bottom),
    line('axis', PLOT.left, PLOT.top, PLOT.left, PLOT.bottom),
    ...labels,
    ...(mark === undefined ? [] : [line('mark', xOf(mark.timeMs), PLOT.top, xOf(mark.timeMs), PLOT.bottom)]),
    ...curves.map((curve, i) => `<path class="curve c${i}" d="${pathOf(curve.sortedMs)}"/>`),
    ...legend,
    '</svg>',
  ].join('\n')}\n`;
}

/** The path of a curve, within the limits of the time axis. */
function pathOf(sortedMs: readonly number[]): string {
  const points: string[] = [];
  for (let step = 0; step <= STEPS; step++) {
    const share = step / STEPS;
    const timeMs = sortedMs[Math.max(0, Math.ceil(share * sortedMs.length) - 1)] ?? Infinity;
    if (timeMs >= MIN_MS && timeMs <= MAX_MS) points.push(`${xOf(timeMs).toFixed(1)} ${yOf(share).toFixed(1)}`);
  }
  return points.length === 0 ? '' : `M${points.join('L')}`;
}

function xOf(timeMs: number): number {
  const share = Math.log(timeMs / MIN_MS) / Math.log(MAX_MS / MIN_MS);
  return PLOT.left + share * (PLOT.right - PLOT.left);
}

function yOf(share: number): number {
  return PLOT.bottom - share * (PLOT.bottom - PLOT.top);
}

function formatTime(timeMs: number): string {
  return timeMs < 1000 ? `${timeMs} ms` : `${timeMs / 1000} s`;
}

function line(className: string, x1: number, y1: number, x2: number, y2: number): string {
  const [fromX, fromY, toX, toY] = [x1, y1, x2, y2].map((value) => Number(value.toFixed(1)));
  return `<line class="${className}" x1="${fromX}" y1="${fromY}" x2="${toX}" y2="${toY}"/>`;
}

function text(className: string, x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end'): string {
  const [atX, atY] = [x, y].map((value) => Number(value.toFixed(1)));
  return `<text class="${className}" x="${atX}" y="${atY}" text-anchor="${anchor}">${escape(content)}</text>`;
}

function escape(content: string): string {
  return content.replace(/[&<>"]/g, (character) => `&#${character.codePointAt(0)};`);
}
