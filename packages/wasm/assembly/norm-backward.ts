import { silu, siluSlope } from './activation';
import { NormBackwardArgs } from './args';
import { clearRow, loadRow, storeRow } from './rows';
import { minimum } from './vector';

/*
 * With v = (x + residual) silu(gate) and r = 1 / sqrt(mean(v^2) + eps) over each group of a row:
 * dv = r (dy w - v r^2 mean(dy w v)), dx = dresidual = dv silu(gate) + dsum, dgate = dv (x + residual) silu'(gate),
 * and dw sums dy v r over rows. One unit is one slice of `sliceRows` rows, with its own part of dw.
 */

export function rmsNormBackward(args: usize, begin: u32, end: u32, scratch: usize): u32 {
  const a = changetype<NormBackwardArgs>(args);
  const bytes: usize = ((<usize>a.K + 3) & ~3) << 2;
  const sum = scratch, v = sum + bytes, dy = v + bytes, w = dy + bytes, gate = w + bytes, extra = gate + bytes, dw = extra + bytes;
  if (a.weight) loadRow(w, a.weight, a.weightK, a.weightType, a.K);
  for (; begin < end; begin++) {
    clearRow(dw, a.K);
    const last = minimum((begin + 1) * a.sliceRows, a.R);
    for (let row = begin * a.sliceRows; row < last; row++) {
      loadRow(sum, a.x + row * a.xR, a.xK, a.dtype, a.K);
      loadRow(dy, a.dy + row * a.dyR, a.dyK, a.dtype, a.K);
      if (a.residual) {
        loadRow(extra, a.residual + row * a.residualR, a.residualK, a.residualType, a.K);
        for (let i: usize = 0; i < bytes; i += 16) v128.store(sum + i, f32x4.add(v128.load(sum + i), v128.load(extra + i)));
      }
      if (a.gate) loadRow(gate, a.gate + row * a.gateR, a.gateK, a.dtype, a.K);
      if (a.dsum) loadRow(extra, a.dsum + row * a.dsumR, a.dsumK, a.residualType, a.K);
      else clearRow(extra, a.K);
      for (let i: usize = 0; i < bytes; i += 16) {
        v128.store(v + i, a.gate ? f32x4.mul(v128.load(sum + i), silu(v128.load(gate + i))) : v128.load(sum + i));
      }
      const n = a.K / a.G;
      for (let first: u32 = 0; first < a.K; first += n) normGroup(a, first, n, sum, v, dy, w, gate, extra, dw);
      storeRow(a.dx + row * a.dxR, a.dxK, a.dtype, v, a.K);
      if (a.dresidual) storeRow(a.dresidual + row * a.dresidualR, a.dresidualK, a.residualType, v, a.K);
      if (a.dgate) storeRow(a.dgate + row * a.dgateR, a.dgateK, a.dtype, gate, a.K);
    }
    if (a.dweight) storeRow(a.dweight + (<usize>begin * a.K << 2), 4, 0, dw, a.K);
  }
  return 0;
}

/** One group of a row; dx replaces v, dgate replaces the gate. Scalar accumulation in f64 keeps long rows exact enough. */
function normGroup(
  a: NormBackwardArgs, first: u32, n: u32, sum: usize, v: usize, dy: usize, w: usize, gate: usize, extra: usize, dw: usize,
): void {
  let squares: f64 = 0, dot: f64 = 0;
  const from: usize = <usize>first << 2, to: usize = <usize>(first + n) << 2;
  for (let i = from; i < to; i += 4) {
    const value: f64 = load<f32>(v + i);
    const weight: f64 = a.weight ? <f64>load<f32>(w + i) : 1;
    squares += value * value;
    dot += <f64>load<f32>(dy + i) * weight * value;
  }
  const scale: f32 = <f32>(1 / Math.sqrt(squares / n + <f64>a.eps));
  const shared: f32 = <f32>(<f64>scale * <f64>scale * dot / n);
  for (let i = from; i < to; i += 4) {
    const value = load<f32>(v + i), g = load<f32>(dy + i);
    const dv = scale * (g * (a.weight ? load<f32>(w + i) : 1) - value * shared);
    store<f32>(dw + i, load<f32>(dw + i) + g * value * scale);
    if (!a.gate) {
      store<f32>(v + i, dv + load<f32>(extra + i));
      continue;
    }
    const z = v128.load32_splat(gate + i);
    store<f32>(v + i, dv * f32x4.extract_lane(silu(z), 0) + load<f32>(extra + i));
    store<f32>(gate + i, dv * load<f32>(sum + i) * f32x4.extract_lane(siluSlope(z), 0));
  }
}
