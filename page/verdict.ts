import type { ServiceState, StatusSnapshot } from '../src/status/snapshot.ts';
import { byId, setSentence, setText } from './dom.ts';
import { formatPreciseTime, formatSeconds } from './format.ts';

const TITLES = {
  starting: 'Starting',
  working: 'Working',
  degraded: 'Trouble',
  failing: 'Not working',
} as const satisfies Record<ServiceState, string>;

/** The one sentence, for the eye, for a screen reader, which reads it when it changes, and for the window's title. */
export interface VerdictView {
  readonly show: (snapshot: StatusSnapshot) => void;
  /** The daemon does not answer. */
  readonly showSilence: () => void;
}

export function createVerdictView(): VerdictView {
  const verdict = byId('verdict');
  const sentence = byId('sentence');
  const since = byId('since');
  let last: StatusSnapshot | undefined;
  const set = (state: string, text: string, aside: string, title: string): void => {
    verdict.dataset['state'] = state;
    document.body.classList.toggle('old', state === 'unreachable');
    setSentence(sentence, text);
    setText(since, aside);
    document.title = `${title} – dns4tor`;
  };
  return {
    show(snapshot) {
      last = snapshot;
      const { state, lastAnswerSecondsAgo } = snapshot;
      const ago =
        lastAnswerSecondsAgo === null
          ? 'No answer has come through Tor yet.'
          : `The last answer through Tor came ${formatSeconds(lastAnswerSecondsAgo)} ago.`;
      set(state, snapshot.sentence, ago, TITLES[state]);
    },
    showSilence() {
      const aside =
        last === undefined
          ? 'Nothing is known of it yet.'
          : `What is below was true at ${formatPreciseTime(last.atEpochMs)}. This page goes on trying.`;
      set(
        'unreachable',
        'dns4tor itself does not answer: it has ended, or it hangs. Its log says more.',
        aside,
        'No answer',
      );
    },
  };
}
