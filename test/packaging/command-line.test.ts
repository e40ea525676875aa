import { cpu } from '@ss/cpu';
import { expect, test } from 'vitest';
import { runTool } from '../helpers/run-tool.ts';
import { installed } from './consumer.ts';
import { isMissing, NO_NODE_22, nodes } from './nodes.ts';

// The package of the platform holds a library where one was built.
const best = (await cpu().probe()).available ? 'cpu' : 'wasm';

test.for(nodes)(
  'under %s the installed ss finds the best backend and holds it to the golden scans',
  async ([, node], { skip }) => {
    skip(isMissing(node), NO_NODE_22);
    await using consumer = await installed('@ss/cli');
    const kit = ['conformance', '--cases', 'golden/selectiveScan/*', '--json', '--quiet'];
    const { code, output } = await runTool(node, ['node_modules/.bin/ss', ...kit], consumer.folder);
    expect(code, output).toBe(0);
    const report = JSON.parse(output) as { passed: number };
    expect(report).toMatchObject({ backend: best, failed: 0 });
    expect(report.passed).toBeGreaterThan(0);
    // Where the ss of iproute2 comes first.
    const other = await runTool(node, ['node_modules/.bin/ss-mamba', 'help'], consumer.folder);
    expect(other.code, other.output).toBe(0);
  },
);
