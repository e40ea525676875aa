import type { SelectiveScanArgs } from '@ss/core';

/** Steps a chunk: the default of the formulation's published code. */
const chunk = 64;

/**
 * The selective scan as chunked cumulative sums, the usual way to write it with array operations (mamba-mini's
 * `selective_scan_easy`; every intermediate in f32, as there): with P_t = exp(A (dt_1 + ... + dt_t)) inside a
 * chunk,
 *
 *     h = P * cumsum(dt B u / P) + P * h_before
 *
 * Once A dt summed over a chunk is below -88, P is so small that the quotient overflows, and the channel is lost
 * from there on. That is why no @ss backend divides by a cumulated exponential; this one is here to be compared
 * with.
 *
 * @returns y (B, L, D), without a gate
 */
export async function chunkedCumsum(args: SelectiveScanArgs): Promise<Float32Array> {
  const [batch = 1, length = 1, channels = 1] = args.u.shape;
  const states = args.A.shape[1]!;
  const [u, A, B, C] = await Promise.all([args.u.read(), args.A.read(), args.B.read(), args.C.read()]);
  const skip = await args.D?.read();
  const dt = await timeSteps(args);
  const y = new Float32Array(batch * length * channels);
  const decay = new Float32Array(chunk);
  for (let b = 0; b < batch; b++) {
    for (let d = 0; d < channels; d++) {
      for (let n = 0; n < states; n++) {
        const a = Number(A[d * states + n]);
        let before = 0;
        for (let start = 0; start < length; start += chunk) {
          const end = Math.min(start + chunk, length);
          let elapsed = 0;
          for (let t = start; t < end; t++) {
            elapsed = Math.fround(elapsed + dt[(b * length + t) * channels + d]!);
            decay[t - start] = Math.exp(Math.fround(a * elapsed));
          }
          let sum = 0;
          let h = before;
          for (let t = start; t < end; t++) {
            const at = (b * length + t) * channels + d;
            const bc = (b * length + t) * states + n;
            const P = decay[t - start]!;
            const input = Math.fround(Math.fround(dt[at]! * Number(u[at])) * Number(B[bc]));
            sum = Math.fround(sum + Math.fround(input / P));
            h = Math.fround(Math.fround(P * sum) + Math.fround(P * before));
            y[at]! += Math.fround(Number(C[bc]) * h);
          }
          before = h;
        }
      }
    }
  }
  if (skip)
    for (let i = 0; i < y.length; i++) y[i]! += Math.fround(Number(skip[i % channels]) * Number(u[i]));
  return y;
}

async function timeSteps({ delta, deltaBias, softplus }: SelectiveScanArgs): Promise<Float32Array> {
  const dt = Float32Array.from(await delta.read(), Number);
  const bias = await deltaBias?.read();
  for (let i = 0; i < dt.length; i++) {
    if (bias) dt[i]! += Number(bias[i % bias.length]);
    if (softplus) dt[i] = Math.log1p(Math.exp(dt[i]!));
  }
  return dt;
}
