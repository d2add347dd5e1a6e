import type { X509Certificate } from 'node:crypto';

/** A file of policies for a browser. */
interface PolicyOptions {
  /** URL of the DoH resource. */
  readonly url: string;
  readonly authority: X509Certificate;
}

/**
 * Renders policies.json of Firefox: all names go to the server, without a fallback, and users cannot change that.
 * @param authorityPath absolute path of the authority's certificate, which Firefox reads as the user who runs it
 */
export function firefoxPolicies({ url }: PolicyOptions, authorityPath: string): string {
  return toJson({
    policies: {
      Certificates: { Install: [authorityPath] },
      DNSOverHTTPS: { Enabled: true, ProviderURL: url, Fallback: false, Locked: true },
      // Otherwise Firefox tests the network by asking the system's resolver for fixed names.
      CaptivePortal: false,
      Preferences: {
        'network.connectivity-service.enabled': { Value: false, Status: 'locked' },
        // Otherwise Firefox drops private addresses, such as those of own names and routes. dns4tor removes them from
        // upstream answers, which is the protection against rebinding that Firefox means.
        'network.trr.allow-rfc1918': { Value: true, Status: 'locked' },
      },
    },
  });
}

/** Renders a file of managed policies of Chromium: all names go to the server, without a fallback. */
export function chromiumPolicies({ url, authority }: PolicyOptions): string {
  return toJson({
    DnsOverHttpsMode: 'secure',
    // Without variables of a URI template (RFC 8484 §4.1), queries are in the body of a POST.
    DnsOverHttpsTemplates: url,
    // Otherwise Chromium sends DNS probes to public resolvers, in plain DNS, when a name does not resolve.
    AlternateErrorPagesEnabled: false,
    CACertificates: [authority.raw.toString('base64')],
  });
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
