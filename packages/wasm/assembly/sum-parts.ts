import { SumPartsArgs } from './args';
import { F32 } from './dtype';
import { loadRow, storeRow } from './rows';
import { minimum } from './vector';

/**
 * Rows of a dense result as the sum of their parts, in the order of the parts. One unit is one row: `width`
 * values of one of `groups` interleaved results.
 */
export function sumParts(args: usize, begin: u32, end: u32, scratch: usize): u32 {
  const a = changetype<SumPartsArgs>(args);
  for (; begin < end; begin++) {
    const row = begin / a.groups;
    const group = begin % a.groups;
    const from = a.parts + <usize>group * a.partsPerGroup * a.partBytes + <usize>row * (a.width << 2);
    const to = a.out + row * a.outRow + group * a.outGroup;
    for (let i: u32 = 0; i < a.width; i += 128) {
      const count = minimum(128, a.width - i);
      loadRow(scratch, from + (<usize>i << 2), 4, F32, count);
      for (let part: u32 = 1; part < a.partsPerGroup; part++) {
        const other = from + <usize>part * a.partBytes + (<usize>i << 2);
        let j: usize = 0;
        for (const end = <usize>(count & ~3) << 2; j < end; j += 16) {
          v128.store(scratch + j, f32x4.add(v128.load(scratch + j), v128.load(other + j)));
        }
        for (; j < <usize>count << 2; j += 4) store<f32>(scratch + j, load<f32>(scratch + j) + load<f32>(other + j));
      }
      storeRow(to + <usize>i * a.outStride, a.outStride, a.dtype, scratch, count);
    }
  }
  return 0;
}
