import { createProgram } from '../../src/cli/main.ts';
import { Reporter } from '../../src/cli/output/reporter.ts';
import { describeProgram } from '../commands.ts';
import { renderBashCompletion } from '../completions/bash.ts';
import { renderFishCompletion } from '../completions/fish.ts';
import { renderZshCompletion } from '../completions/zsh.ts';
import { renderFilePage } from '../man/file-page.ts';
import { pageDate } from '../man/page-head.ts';
import { renderProgramPage } from '../man/program-page.ts';
import type { Release } from './release.ts';
import type { Staging } from './staging.ts';

/** Adds the files generated from the commands and the options table: manual pages and shell completions. */
export async function stageReference(staging: Staging, { sourceDateEpoch }: Release): Promise<void> {
  const program = describeProgram(await createProgram(new Reporter()));
  const date = pageDate(sourceDateEpoch);
  await staging.writeGzipped('usr/share/man/man1/dns4tor.1.gz', renderProgramPage(program, date));
  await staging.writeGzipped('usr/share/man/man5/dns4tor.toml.5.gz', renderFilePage(date));
  await staging.write('usr/share/bash-completion/completions/dns4tor', renderBashCompletion(program));
  await staging.write('usr/share/zsh/vendor-completions/_dns4tor', renderZshCompletion(program));
  await staging.write('usr/share/fish/vendor_completions.d/dns4tor.fish', renderFishCompletion(program));
}
