import { Command } from 'commander';
import { readMachine, readVariables } from '../doctor/environment.ts';
import { findPackages } from '../doctor/packages.ts';
import { describe, statusOf } from '../doctor/report.ts';
import { examples, outputOptions } from '../options.ts';
import type { Work } from '../work.ts';

/** `ss doctor`: what is here, what works, and what would be used. */
export function doctorCommand(work: Work): Command {
  return outputOptions(new Command('doctor'))
    .description('environment, packages, and a real scan on every backend compared with the reference')
    .option('--report', 'as a block to paste into a bug report')
    .addHelpText(
      'after',
      '\nExits with 0 when the best installed backend works, 1 when only a slower one does, 2 when none does.',
    )
    .addHelpText('after', examples('ss doctor', 'ss doctor --report'))
    .action(async ({ report }: { readonly report?: boolean }) => {
      const { checkBackends } = await import('../doctor/backends.ts');
      const variables = readVariables();
      // With them no backend could even be opened, and the rest is worth knowing too.
      for (const { name } of variables.invalid) delete process.env[name];
      const findings = {
        environment: readMachine(),
        variables,
        packages: findPackages(),
        backends: await checkBackends(work.signal),
      };
      work.status = statusOf(findings);
      const text = describe(findings);
      await work.result({ status: work.status, ...findings }, report ? `\`\`\`text\n${text}\n\`\`\`` : text);
    });
}
