/** Media type of a DNS message in HTTP (RFC 8484 §6). */
export const DNS_MESSAGE = 'application/dns-message';
