import type { Reporter, TestCase, TestModule } from 'vitest/node';

type UnhandledErrors = Parameters<NonNullable<Reporter['onTestRunEnd']>>[1];

/**
 * Ends the log plainly, for whoever reads it without colours: where the time went, project by project, every
 * skipped test's reason, and `N passed, N failed, N skipped` as the last line. A file that could not even be
 * loaded and an error outside any test count as failures.
 */
export class PlainSummary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: UnhandledErrors): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const test of tests) count[test.result().state]++;
    const outsideTests =
      modules.flatMap((module) => collectionErrors(module)).length + unhandledErrors.length;
    const failed = count.failed + count.pending + outsideTests;

    for (const line of [...durations(modules), ...skipReasons(tests)]) console.log(line);
    console.log(`${count.passed} passed, ${failed} failed, ${count.skipped} skipped`);
  }
}

function collectionErrors(module: TestModule): unknown[] {
  const suites = [...module.children.allSuites()];
  return [...module.errors(), ...suites.flatMap((suite) => suite.errors())];
}

function durations(modules: readonly TestModule[]): string[] {
  const byProject = Map.groupBy(modules, (module) => module.project.name);
  return [...byProject].map(([project, files]) => {
    const seconds = files.reduce((sum, file) => sum + file.diagnostic().duration, 0) / 1000;
    return `${project.padEnd(12)} ${seconds.toFixed(1).padStart(6)} s in ${files.length} files`;
  });
}

function skipReasons(tests: readonly TestCase[]): string[] {
  const reasons = tests.flatMap((test) => {
    const result = test.result();
    return result.state === 'skipped' ? [result.note ?? `no reason given: ${test.fullName}`] : [];
  });
  return [...Map.groupBy(reasons, (reason) => reason)].map(
    ([reason, same]) => `skipped ${same.length}: ${reason}`,
  );
}
