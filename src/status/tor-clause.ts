// Words that the terminal and the status page share. Nothing here may depend on Node.
import type { ServiceState, StatusSnapshot, TorSnapshot } from './snapshot.ts';

/** What can be added to a Tor that is up: whether answers come through it. */
const AFTER_UP: Readonly<Record<ServiceState, string>> = {
  working: '',
  degraded: '',
  starting: ', but no answer has come through yet',
  stuck: ', but no answer comes through',
  failing: ', but no answer comes through',
};

/**
 * The state of Tor as a clause that follows its name: `is connected`. Says so without reservation only while names are
 * resolved: a Tor that lost its network may report for minutes that it is connected, and without a control port, its
 * state is a guess from the last connection attempt.
 */
export function torClause({ state, tor }: Pick<StatusSnapshot, 'state' | 'tor'>): string {
  switch (tor.state) {
    case 'up': {
      if (state === 'working') return 'is connected';
      // Circuits are known only from the control port.
      const claim = tor.circuits === null ? 'accepts connections' : 'reports that it is connected';
      return `${claim}${AFTER_UP[state]}`;
    }
    case 'bootstrapping':
      return `is connecting to its network, ${bootstrapOf(tor)}`;
    case 'stuck':
      return `makes no progress, ${bootstrapOf(tor)}`;
    case 'down':
      return 'cannot be reached, or cannot reach its network';
    case 'unknown':
      return 'is in an unknown state';
  }
}

function bootstrapOf({ bootstrapPercent, bootstrapSummary }: TorSnapshot): string {
  return `${bootstrapPercent} %${bootstrapSummary === null ? '' : `: ${bootstrapSummary}`}`;
}
