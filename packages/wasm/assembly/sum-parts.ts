import { SumPartsArgs, SumSlotsArgs } from './args';
import { bytesOf, F32 } from './dtype';
import { clearRow, loadRow, storeRow } from './rows';
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
        addRow(scratch, from + <usize>part * a.partBytes + (<usize>i << 2), count);
      }
      storeRow(to + <usize>i * a.outStride, a.outStride, a.dtype, scratch, count);
    }
  }
  return 0;
}

/**
 * The gradient of a pool of states: what every sequence has for its own state, added in the order of the sequences into
 * the row that `stateIndices` names; zero for a row that none of them names. One unit is a row.
 */
export function sumSlots(args: usize, begin: u32, end: u32, scratch: usize): u32 {
  const a = changetype<SumSlotsArgs>(args);
  const size: usize = bytesOf(a.dtype);
  for (; begin < end; begin++) {
    const to = a.out + <usize>begin * a.width * size;
    for (let i: u32 = 0; i < a.width; i += 128) {
      const count = minimum(128, a.width - i);
      clearRow(scratch, count);
      for (let s: u32 = 0; s < a.S; s++) {
        if (load<i32>(a.stateIndices + (s << 2)) != <i32>begin) continue;
        addRow(scratch, a.parts + ((<usize>s * a.width + i) << 2), count);
      }
      storeRow(to + <usize>i * size, size, a.dtype, scratch, count);
    }
  }
  return 0;
}

/** to += from, `count` f32. */
function addRow(to: usize, from: usize, count: u32): void {
  let i: usize = 0;
  for (const end = <usize>(count & ~3) << 2; i < end; i += 16) {
    v128.store(to + i, f32x4.add(v128.load(to + i), v128.load(from + i)));
  }
  for (; i < <usize>count << 2; i += 4) store<f32>(to + i, load<f32>(to + i) + load<f32>(from + i));
}
