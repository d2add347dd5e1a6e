import { capitalize, formatMs, formatNoun } from '../src/lib/format.ts';
import type { TorState } from '../src/model/tor-status.ts';
import { upstreamClause, upstreamFailure } from '../src/status/labels.ts';
import type { CircuitSnapshot, StatusSnapshot, UpstreamSnapshot } from '../src/status/snapshot.ts';
import { byId, create, createTable, fillRow, resize, setSentence, setText } from './dom.ts';

const HEADINGS = ['circuit', 'connection', 'in flight', 'response time'] as const;

/** The section on the resolvers. Each has a table of its circuits, with bars that compare their response times. */
export function createUpstreamsSection(): (snapshot: StatusSnapshot) => void {
  const list = byId('upstreams');
  const shows = new WeakMap<Element, (upstream: UpstreamSnapshot, tor: TorState) => void>();
  return ({ upstreams, tor: { state } }) => {
    const blocks = resize(list, upstreams.length, () => {
      const block = create('div', { className: 'upstream-block' });
      shows.set(block, createBlock(block));
      return block;
    });
    for (const [index, block] of blocks.entries()) shows.get(block)?.(upstreams[index]!, state);
  };
}

function createBlock(block: HTMLElement): (upstream: UpstreamSnapshot, tor: TorState) => void {
  const name = create('p', { className: 'name' });
  const state = create('p', { className: 'aside' });
  const table = create('table');
  const body = createTable(table, HEADINGS);
  // The bars repeat the response times, so screen readers skip them.
  table.tHead?.rows[0]?.append(create('td', { className: 'bar', attributes: { 'aria-hidden': 'true' } }));
  block.append(name, state, table);
  return (upstream, tor) => {
    const { circuits } = upstream;
    setText(name, upstream.upstream);
    setSentence(state, describe(upstream, tor));
    table.hidden = circuits.length === 0;
    const slowestMs = Math.max(...circuits.map(({ responseTimeMs }) => responseTimeMs ?? 0));
    const rows = resize(body, circuits.length, createRow);
    for (const [index, row] of rows.entries()) showCircuit(row, circuits[index]!, slowestMs);
  };
}

function createRow(): HTMLTableRowElement {
  const row = create('tr');
  fillRow(
    row,
    HEADINGS.map(() => ''),
  );
  row.append(create('td', { className: 'bar', attributes: { 'aria-hidden': 'true' } }, create('span')));
  return row;
}

function showCircuit(row: HTMLTableRowElement, circuit: CircuitSnapshot, slowestMs: number): void {
  const { slot, state, inFlight, responseTimeMs } = circuit;
  const texts = [String(slot), state, String(inFlight), formatMs(responseTimeMs)];
  for (const [index, text] of texts.entries()) setText(row.cells[index]!, text);
  const bar = row.querySelector<HTMLElement>('.bar > span');
  if (bar !== null) bar.style.width = slowestMs === 0 ? '0' : `${(100 * (responseTimeMs ?? 0)) / slowestMs}%`;
}

function describe(upstream: UpstreamSnapshot, tor: TorState): string {
  const { inFlight } = upstream;
  const failure = upstreamFailure(upstream, tor);
  const queries = inFlight === 0 ? '' : `, ${formatNoun(inFlight, 'query', 'queries')} in flight`;
  const why = failure === null ? '' : ` The last connection failed: ${failure}.`;
  return `${capitalize(upstreamClause(upstream))}${queries}.${why}`;
}
