import {
  eventSpec,
  fieldSpec,
  LOG_EVENTS,
  LOG_FIELDS,
  type LogEvent,
  type LogField,
} from '../../src/log/log-events.ts';
import { renderTable } from './markdown.ts';

/** The table of events in docs/log-events.md. */
export function renderEvents(): string {
  const rows = (Object.keys(LOG_EVENTS) as LogEvent[]).map((event) => {
    const { levels, message, fields } = eventSpec(event);
    return [`\`${event}\``, levels.join(', '), message, fields.map((field) => `\`${field}\``).join(', ')];
  });
  return renderTable(['`event`', '`level`', 'message', 'fields'], rows);
}

/** The table of their fields. */
export function renderFields(): string {
  const rows = (Object.keys(LOG_FIELDS) as LogField[]).map((field) => {
    const { type, doc } = fieldSpec(field);
    return [`\`${field}\``, type, doc];
  });
  return renderTable(['field', 'type', 'meaning'], rows);
}
