import { createHourSection } from './hour-section.ts';
import { showCache, showClients, showErrors, showIdentity, showMachine, showRoutes, showTor } from './sections.ts';
import { followState } from './stream.ts';
import { createUpstreamsSection } from './upstreams-section.ts';
import { createVerdictView } from './verdict.ts';

const verdict = createVerdictView();
const sections = [
  createHourSection(),
  createUpstreamsSection(),
  showIdentity,
  showTor,
  showMachine,
  showClients,
  showRoutes,
  showCache,
  showErrors,
];

const urls = { events: 'api/events', status: 'api/status' };
followState(urls, {
  onSnapshot(snapshot) {
    verdict.show(snapshot);
    for (const show of sections) show(snapshot);
  },
  onSilence: (silence) => verdict.showSilence(silence),
});
