import { costs, layerOps } from './layer-ops.ts';

/**
 * What the kernels of each op ask of memory, beside the least there is to move: every argument read once, every result
 * written once. Layers of mamba-130m (K 768, D 1536, N 16, dt rank 48), f32, for one token and for 512. Loads count
 * as they are issued, whether a cache answers them or not; sharing inside a workgroup is taken into account.
 *
 *     node packages/webgpu/scripts/traffic.ts
 */
const mega = (n: number): string => (n / 1e6).toPrecision(3);
console.log('| tokens | op | dispatches | MB at least | MB asked for | Mflop | flop per least byte |');
console.log('| --- | --- | --- | --- | --- | --- | --- |');
for (const L of [1, 512]) {
  for (const op of layerOps(L)) {
    const { dispatches, least } = costs(op);
    const { bytes, flops } = op.work;
    const cells = [
      L,
      op.name,
      dispatches,
      mega(least),
      mega(bytes),
      mega(flops),
      (flops / least).toPrecision(2),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}
