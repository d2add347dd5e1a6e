import { capitalize, formatBytes, formatDuration, formatNoun } from '../src/lib/format.ts';
import { listeningClauses, SYSTEM_RESOLVER_LABELS, TOR_KIND_LABELS } from '../src/status/labels.ts';
import type { ErrorSnapshot, StatusSnapshot } from '../src/status/snapshot.ts';
import { torClause } from '../src/status/tor-clause.ts';
import { byId, create, resize, setSentence, setText } from './dom.ts';

export function showIdentity({ version, uptimeSeconds }: StatusSnapshot): void {
  setText(byId('identity'), `version ${version}, up for ${formatDuration(uptimeSeconds)}`);
}

export function showTor(snapshot: StatusSnapshot): void {
  const { kind, circuits, trouble } = snapshot.tor;
  setText(byId('tor-state'), `Tor ${torClause(snapshot)}.`);
  const help = byId('tor-trouble');
  // The headline already has the trouble unless names are still resolved over older circuits.
  help.hidden = trouble === null || trouble.reason === snapshot.reason;
  if (trouble !== null) setSentence(help, `${capitalize(trouble.problem)}. ${capitalize(trouble.remedy)}.`);
  const whose = kind === null ? '' : `It was ${TOR_KIND_LABELS[kind]}.`;
  const built =
    circuits === null
      ? ''
      : ` It has ${formatNoun(circuits.built, 'circuit', 'circuits')}, including those of other programs.`;
  setText(byId('tor-circuits'), `${whose}${built}`);
}

/** Lists the routes with their servers, and why one fails. Hidden without routes. */
export function showRoutes({ routes }: StatusSnapshot): void {
  byId('routes').hidden = routes.length === 0;
  const items = resize(byId('routes-list'), routes.length, () =>
    create('li', {}, create('p', { className: 'what' }), create('p', { className: 'aside' })),
  );
  for (const [index, item] of items.entries()) {
    const { route, servers } = routes[index]!;
    const [what, failures] = item.children;
    if (what !== undefined) setText(what, `${route} to ${servers.map(({ server }) => server).join(', ')}`);
    const failing = servers.flatMap(({ server, sentence }) => (sentence === null ? [] : [`${server}: ${sentence}.`]));
    if (failures !== undefined) setSentence(failures, failing.join(' '));
  }
}

/** Shown only where `dns4tor install` was run. */
export function showMachine({ reason, systemResolver: { state, trouble } }: StatusSnapshot): void {
  const label = SYSTEM_RESOLVER_LABELS[state];
  byId('machine').hidden = label === null;
  setText(byId('machine-state'), label === null ? '' : `${capitalize(label)}.`);
  const help = byId('machine-trouble');
  // The headline already has the trouble unless Tor has a greater one.
  help.hidden = trouble === null || trouble.reason === reason;
  if (trouble !== null) setSentence(help, `${capitalize(trouble.problem)}. ${capitalize(trouble.remedy)}.`);
}

/** Shown only where DNS over TLS or HTTPS is served. */
export function showClients(snapshot: StatusSnapshot): void {
  const clauses = listeningClauses(snapshot);
  byId('clients').hidden = clauses.length === 0;
  const lines = resize(byId('clients-list'), clauses.length, () => create('li'));
  for (const [index, line] of lines.entries()) setText(line, `${capitalize(clauses[index]!)}.`);
}

export function showCache({ cache: { entries, bytes, maxBytes } }: StatusSnapshot): void {
  const meter = byId('cache-meter');
  meter.hidden = maxBytes === 0;
  const text =
    maxBytes === 0
      ? 'The cache is off.'
      : `${formatNoun(entries, 'answer', 'answers')} in ${formatBytes(bytes)} of ${formatBytes(maxBytes)}.`;
  setText(byId('cache-state'), text);
  const [filled] = meter.children;
  if (filled instanceof HTMLElement) filled.style.width = `${maxBytes === 0 ? 0 : (100 * bytes) / maxBytes}%`;
}

/**
 * Lists what failed in the last hour. The list is left alone while nothing failed, so that screen readers stay quiet.
 */
export function showErrors({ errors }: StatusSnapshot): void {
  const list = byId('errors');
  const nothing = list.querySelector('.nothing');
  if (errors.length === 0) {
    if (nothing === null) list.replaceChildren(create('li', { className: 'nothing aside', text: 'Nothing.' }));
    return;
  }
  nothing?.remove();
  const items = resize(list, errors.length, () =>
    create('li', {}, create('p', { className: 'what' }), create('p', { className: 'aside' })),
  );
  for (const [index, item] of items.entries()) {
    const [what, counts] = item.children;
    const error = errors[index]!;
    if (what !== undefined) setSentence(what, `${capitalize(error.sentence)}.`);
    if (counts !== undefined) setText(counts, describeCounts(error));
  }
}

function describeCounts({ reason, answers, exchanges, connections }: ErrorSnapshot): string {
  const counts = [
    [answers, formatNoun(answers, 'query affected', 'queries affected')],
    [exchanges, formatNoun(exchanges, 'failed exchange', 'failed exchanges')],
    [connections, formatNoun(connections, 'failed connection', 'failed connections')],
  ] as const;
  const parts = counts.filter(([count]) => count > 0).map(([, text]) => text);
  return `${parts.join(', ')} (${reason})`;
}
