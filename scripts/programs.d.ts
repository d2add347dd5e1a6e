export class ProgramFinder {
  constructor(known: Iterable<string>);
  programsOf(file: string): Set<string>;
}
