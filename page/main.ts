import { createHourSection } from './hour-section.ts';
import { showCache, showErrors, showIdentity, showTor } from './sections.ts';
import { followState } from './stream.ts';
import { createUpstreamsSection } from './upstreams-section.ts';
import { createVerdictView } from './verdict.ts';

const verdict = createVerdictView();
const sections = [createHourSection(), createUpstreamsSection(), showIdentity, showTor, showCache, showErrors];

followState('api/events', {
  onSnapshot(snapshot) {
    verdict.show(snapshot);
    for (const show of sections) show(snapshot);
  },
  onSilence: () => verdict.showSilence(),
});
