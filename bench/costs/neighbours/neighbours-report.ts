import type { Experience } from '../../../test/protocol/clients/hostile-neighbours.ts';
import { formatColumns, formatTime } from '../../table.ts';

/** Results of the victim in one scene against one server. JSON encodes an infinite time as null. */
export interface NeighboursRow {
  readonly scene: string;
  readonly server: string;
  readonly tcp: Experience;
  readonly udp: Experience;
}

export function formatNeighbours(rows: readonly NeighboursRow[]): string {
  const figures = ({ answered, asked, medianMs, worstMs }: Experience): string[] => [
    `${answered}/${asked}`,
    formatTime(medianMs ?? Infinity),
    formatTime(worstMs ?? Infinity),
  ];
  return formatColumns([
    ['', 'server', 'TCP', 'median', 'worst', 'cut', 'UDP', 'median', 'worst'],
    ...rows.map(({ scene, server, tcp, udp }, index) => [
      rows[index - 1]?.scene === scene ? '' : scene,
      server,
      ...figures(tcp),
      String(tcp.cut),
      ...figures(udp),
    ]),
  ]);
}
