import { EmbeddingArgs } from './args';
import { bytesOf, F32, I8, loadScalar } from './dtype';
import { PANEL, panelStep, placeOf, scaleOf } from './panel';
import { loadRow, storeRow } from './rows';

/*
 * Rows of a weight by id, out of the panels that `linear` multiplies with or out of a weight as it is stored.
 * A row of a panel is a column of [k][8], so that reading it is a walk with the step of a panel.
 *
 * Scratch: one row in f32.
 */

/**
 * One unit is an id. Returns 0, or 1 + the position of the first id outside [0, V): nothing is read for it and
 * the rows after it stay as they were. The least of the results of all parts is the same for every split.
 */
export function embedding(args: usize, begin: u32, end: u32, scratch: usize): u32 {
  const a = changetype<EmbeddingArgs>(args);
  const size = bytesOf(a.dtype);
  for (let r = begin; r < end; r++) {
    const id = load<u32>(a.ids + r * a.idsR);
    // A negative id is a large unsigned one.
    if (id >= a.V) return r + 1;
    const y = a.y + r * a.yR;
    const row = a.dtype == F32 ? y : scratch;
    if (a.packed) loadPackedRow(row, a.weight, id, a.weightType, a.V, a.K);
    else loadRow(row, a.weight + id * a.weightV, a.weightK, a.weightType, a.K);
    if (row != y) storeRow(y, size, a.dtype, row, a.K);
  }
  return 0;
}

/** Row `id` of a packed weight (V, K): widened exactly, i8 times its scale. */
function loadPackedRow(to: usize, weight: usize, id: u32, dtype: u32, V: u32, K: u32): void {
  const step = panelStep(dtype);
  const scale: f32 = dtype == I8 ? load<f32>(scaleOf(weight, V, K, id)) : 1;
  let from = weight + <usize>(id / PANEL) * K * step + placeOf(id % PANEL, dtype) * bytesOf(dtype);
  for (const end = to + (<usize>K << 2); to < end; to += 4, from += step) {
    store<f32>(to, dtype == F32 ? load<f32>(from) : <f32>loadScalar(from, dtype) * scale);
  }
}
