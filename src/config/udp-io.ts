/** How UDP datagrams are taken and sent: many with one system call, each by itself, or the first where it can be had. */
export const UDP_IOS = ['auto', 'batch', 'dgram'] as const;
export type UdpIo = (typeof UDP_IOS)[number];
