import { formatDuration } from '../src/lib/format.ts';
import type { ServiceState, StatusSnapshot } from '../src/status/snapshot.ts';
import { byId, setSentence, setText } from './dom.ts';
import { formatTimeWithSeconds } from './format.ts';

const TITLES = {
  starting: 'Starting',
  stuck: 'Stuck',
  working: 'Working',
  degraded: 'Degraded',
  failing: 'Not working',
} as const satisfies Record<ServiceState, string>;

/** What the verdict says, apart from the time of the last answer. */
type Words = Pick<StatusSnapshot, 'headline' | 'remedy'>;

/** Why there is no current snapshot. */
const SILENCES = {
  unreachable: { headline: 'dns4tor itself does not answer: it has stopped or hangs.', remedy: 'Read its log.' },
  unreadable: {
    headline: 'This page does not match the version of dns4tor that answers.',
    remedy: 'Reload the page.',
  },
} as const satisfies Record<string, Words>;

/** Shown instead of a service state while there is no current snapshot. */
const SILENT = 'silent';

export type Silence = keyof typeof SILENCES;

/**
 * The verdict at the top of the page and in the window's title. Screen readers announce it when the state or the reason
 * changes.
 */
export interface VerdictView {
  readonly show: (snapshot: StatusSnapshot) => void;
  /** Shows that there is no current snapshot. The rest of the page keeps the last one, greyed out. */
  readonly showSilence: (silence: Silence) => void;
}

export function createVerdictView(): VerdictView {
  const verdict = byId('verdict');
  const problem = byId('headline');
  const help = byId('remedy');
  const since = byId('since');
  const announcement = byId('announcement');
  let last: StatusSnapshot | undefined;
  let announced = '';
  const set = (
    state: string,
    reason: string | null,
    { headline, remedy }: Words,
    aside: string,
    title: string,
  ): void => {
    verdict.dataset['state'] = state;
    document.body.classList.toggle('old', state === SILENT);
    setSentence(problem, headline);
    help.hidden = remedy === null;
    setSentence(help, remedy ?? '');
    setText(since, aside);
    document.title = `${title} – dns4tor`;
    // While Tor bootstraps, the headline changes with each step. A screen reader should not announce every one.
    const announceable = `${state} ${reason}`;
    if (announceable !== announced) setText(announcement, remedy === null ? headline : `${headline} ${remedy}`);
    announced = announceable;
  };
  return {
    show(snapshot) {
      last = snapshot;
      const { state, reason, lastAnswerSecondsAgo } = snapshot;
      const ago =
        lastAnswerSecondsAgo === null
          ? 'No answer has come through Tor yet.'
          : `The last answer through Tor came ${formatDuration(lastAnswerSecondsAgo)} ago.`;
      set(state, reason, snapshot, ago, TITLES[state]);
    },
    showSilence(silence) {
      const aside =
        last === undefined
          ? 'No status received yet.'
          : `The figures below are from ${formatTimeWithSeconds(last.atEpochMs)}. This page keeps trying.`;
      set(SILENT, silence, SILENCES[silence], aside, 'No answer');
    },
  };
}
