import type { ErrorSnapshot, StatusSnapshot } from '../src/status/snapshot.ts';
import { byId, create, resize, setSentence, setText } from './dom.ts';
import { formatBytes, formatNoun, formatSeconds } from './format.ts';
import { TOR_KINDS, TOR_STATES } from './tor-words.ts';

export function showIdentity({ version, uptimeSeconds }: StatusSnapshot): void {
  setText(byId('identity'), `version ${version}, up for ${formatSeconds(uptimeSeconds)}`);
}

export function showTor({ tor }: StatusSnapshot): void {
  const { kind, state, bootstrapPercent, bootstrapSummary, circuits } = tor;
  const progress =
    state === 'bootstrapping'
      ? ` ${bootstrapPercent} %${bootstrapSummary === null ? '' : `: ${bootstrapSummary}`}.`
      : '';
  setText(byId('tor-state'), `${TOR_STATES[state]}${progress}`);
  const whose = kind === null ? '' : `It is ${TOR_KINDS[kind]}.`;
  const built =
    circuits === null
      ? ''
      : ` It has ${formatNoun(circuits.built, 'circuit', 'circuits')}, those of other programs included.`;
  setText(byId('tor-circuits'), `${whose}${built}`);
}

export function showCache({ cache: { entries, bytes, maxBytes } }: StatusSnapshot): void {
  const meter = byId('cache-meter');
  meter.hidden = maxBytes === 0;
  const text =
    maxBytes === 0
      ? 'The cache is turned off.'
      : `${formatNoun(entries, 'answer', 'answers')} in ${formatBytes(bytes)} of ${formatBytes(maxBytes)}.`;
  setText(byId('cache-state'), text);
  const [filled] = meter.children;
  if (filled instanceof HTMLElement) filled.style.width = `${maxBytes === 0 ? 0 : (100 * bytes) / maxBytes}%`;
}

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
    if (what !== undefined) setSentence(what, `${capitalise(error.sentence)}.`);
    if (counts !== undefined) setText(counts, describeCounts(error));
  }
}

function describeCounts({ reason, answers, exchanges, connections }: ErrorSnapshot): string {
  const counts = [
    [answers, formatNoun(answers, 'answer told of it', 'answers told of it')],
    [exchanges, formatNoun(exchanges, 'query to a resolver', 'queries to a resolver')],
    [connections, formatNoun(connections, 'attempt to connect', 'attempts to connect')],
  ] as const;
  const parts = counts.filter(([count]) => count > 0).map(([, text]) => text);
  return `${parts.join(', ')} (${reason})`;
}

function capitalise(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
