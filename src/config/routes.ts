import { isLocalNetwork } from '../lib/ip-address.ts';
import type { Route } from '../model/route.ts';
import type { Problem } from './config-problem.ts';
import type { Values } from './option-values.ts';

/** Joins the rules of one suffix into a route with several servers, in the order in which they were given. */
export function toRoutes({ route: rules }: Values): readonly Route[] {
  return [...Map.groupBy(rules, ({ suffix }) => suffix)].map(([suffix, [first, ...others]]) => ({
    suffix,
    zones: first?.zones ?? [],
    servers: [first, ...others].flatMap((rule) => (rule === undefined ? [] : [rule.server])),
  }));
}

/** Finds routes that leave the local network without permission, and zones that two routes cover. */
export function routeProblems(values: Values): Problem[] {
  const problems: Problem[] = [];
  for (const { suffix, server } of values['allow-public-routes'] ? [] : values.route) {
    if (isLocalNetwork(server.host)) continue;
    problems.push({
      problem: `--route ${suffix}: ${server.host} is a public address, so every network on the way could read and change these queries and answers`,
      remedy: 'name a server on the local network, or accept the risk with --allow-public-routes',
    });
  }
  const suffixOf = new Map<string, string>();
  for (const { suffix, zones } of toRoutes(values)) {
    const taken = zones.find((zone) => suffixOf.has(zone));
    if (taken !== undefined) {
      const problem = `--route: ${suffixOf.get(taken)} and ${suffix} cover the same names`;
      problems.push({ problem, remedy: 'remove one of them' });
    }
    for (const zone of zones) suffixOf.set(zone, suffix);
  }
  return problems;
}
