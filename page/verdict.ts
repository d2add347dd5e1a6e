import type { ServiceState, StatusSnapshot } from '../src/status/snapshot.ts';
import { byId, setSentence, setText } from './dom.ts';
import { formatPreciseTime, formatSeconds } from './format.ts';

const TITLES = {
  starting: 'Starting',
  working: 'Working',
  degraded: 'Trouble',
  failing: 'Not working',
} as const satisfies Record<ServiceState, string>;

/** Why there is no snapshot, for a person. */
const SILENCES = {
  unreachable: 'dns4tor itself does not answer: it has ended, or it hangs. Its log says more.',
  unreadable: 'What answers is not the dns4tor that this page belongs to: load the page anew.',
} as const;

/** In place of a state. */
const SILENT = 'silent';

export type Silence = keyof typeof SILENCES;

/** The one sentence, for the eye, for a screen reader, which reads it when state or reason change, and for the window's title. */
export interface VerdictView {
  readonly show: (snapshot: StatusSnapshot) => void;
  /** The daemon does not answer, or not what it should. */
  readonly showSilence: (silence: Silence) => void;
}

export function createVerdictView(): VerdictView {
  const verdict = byId('verdict');
  const sentence = byId('sentence');
  const since = byId('since');
  const announcement = byId('announcement');
  let last: StatusSnapshot | undefined;
  let announced = '';
  const set = (state: string, reason: string | null, text: string, aside: string, title: string): void => {
    verdict.dataset['state'] = state;
    document.body.classList.toggle('old', state === SILENT);
    setSentence(sentence, text);
    setText(since, aside);
    document.title = `${title} – dns4tor`;
    // The sentence also says how far Tor is, step by step; who listens is not to be told of each.
    const told = `${state} ${reason}`;
    if (told !== announced) setText(announcement, text);
    announced = told;
  };
  return {
    show(snapshot) {
      last = snapshot;
      const { state, reason, lastAnswerSecondsAgo } = snapshot;
      const ago =
        lastAnswerSecondsAgo === null
          ? 'No answer has come through Tor yet.'
          : `The last answer through Tor came ${formatSeconds(lastAnswerSecondsAgo)} ago.`;
      set(state, reason, snapshot.sentence, ago, TITLES[state]);
    },
    showSilence(silence) {
      const aside =
        last === undefined
          ? 'Nothing is known of it yet.'
          : `What is below was true at ${formatPreciseTime(last.atEpochMs)}. This page goes on trying.`;
      set(SILENT, silence, SILENCES[silence], aside, 'No answer');
    },
  };
}
