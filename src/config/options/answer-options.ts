/** Options of local answers and of the review of upstream answers. Part of `OPTIONS`, which checks their type. */
export const ANSWER_OPTIONS = {
  undelegated: {
    kind: 'undelegated',
    group: 'Answers',
    placeholder: 'how',
    doc: 'names without a dot and names below suffixes of local networks, such as lan and home: answered locally with NXDOMAIN (deny), or sent to the resolver (forward)',
    default: 'deny',
  },
} as const;
