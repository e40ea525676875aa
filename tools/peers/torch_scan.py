"""The selective scan in PyTorch, as the peer of `ss bench scan --against torch`.

    python3 torch_scan.py FOLDER FORMULATION REPEATS [--grad]

FOLDER holds meta.json {"B", "L", "D", "N", "softplus"} and raw little-endian f32 files in time-major order:
u, delta (B, L, D); A (D, N); B, C (B, L, N); skip, bias (D); with --grad also dy (B, L, D). Writes y.f32, final.f32
(B, D, N) and, with --grad, du, ddelta, dA, dB, dC, dskip, dbias, then prints one JSON line with the milliseconds of
every repeat, the PyTorch version and the number of threads (one).

FORMULATION is `chunked-cumsum` (cumulated products divided by cumulated decays, 64 steps at a time, as
"selective scan easy" publications do it) or `sequential` (one step at a time, as the official package's
reference function does it). Both are written anew from the formulas.
"""

import json
import pathlib
import sys
import time

import torch

CHUNK = 64


def chunked_cumsum(u, dt, A, B, C, h):
    """h_t = W_t (sum_{i<=t} dt_i B_i u_i / W_i + h_0) with W_t = exp(A sum_{i<=t} dt_i), per chunk."""
    ys = []
    for start in range(0, u.shape[0], CHUNK):
        part = slice(start, start + CHUNK)
        W = torch.einsum('dn,lbd->lbdn', A, dt[part].cumsum(0)).exp()
        inputs = torch.einsum('lbd,lbn->lbdn', dt[part] * u[part], B[part])
        states = W * (inputs / W).cumsum(0) + W * h.unsqueeze(0)
        ys.append(torch.einsum('lbn,lbdn->lbd', C[part], states))
        h = states[-1]
    return torch.cat(ys), h


def sequential(u, dt, A, B, C, h):
    decay = torch.exp(torch.einsum('lbd,dn->lbdn', dt, A))
    inputs = torch.einsum('lbd,lbn->lbdn', dt * u, B)
    ys = []
    for t in range(u.shape[0]):
        h = decay[t] * h + inputs[t]
        ys.append(torch.einsum('bdn,bn->bd', h, C[t]))
    return torch.stack(ys), h


FORMULATIONS = {'chunked-cumsum': chunked_cumsum, 'sequential': sequential}


def main():
    folder, name, repeats = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    grad = '--grad' in sys.argv[4:]
    torch.set_num_threads(1)
    meta = json.loads((folder / 'meta.json').read_text())
    shapes = {
        'u': 'BLD', 'delta': 'BLD', 'A': 'DN', 'B': 'BLN', 'C': 'BLN', 'skip': 'D', 'bias': 'D',
    }
    data = {}
    for key, axes in {**shapes, **({'dy': 'BLD'} if grad else {})}.items():
        raw = (folder / f'{key}.f32').read_bytes()
        shape = [meta[axis] for axis in axes]
        data[key] = torch.frombuffer(bytearray(raw), dtype=torch.float32).reshape(shape).requires_grad_(grad and key != 'dy')

    def forward():
        time_first = {key: data[key].transpose(0, 1) for key in ('u', 'delta', 'B', 'C')}
        dt = time_first['delta'] + data['bias']
        if meta['softplus']:
            dt = torch.nn.functional.softplus(dt)
        h = torch.zeros(meta['B'], meta['D'], meta['N'])
        y, h = FORMULATIONS[name](time_first['u'], dt, data['A'], time_first['B'], time_first['C'], h)
        return (y + data['skip'] * time_first['u']).transpose(0, 1), h

    milliseconds = []
    for _ in range(repeats + 1):
        for key in shapes:
            data[key].grad = None
        started = time.perf_counter()
        y, final = forward()
        if grad:
            y.backward(data['dy'])
        milliseconds.append(1000 * (time.perf_counter() - started))

    results = {'y': y, 'final': final, **({f'd{key}': data[key].grad for key in shapes} if grad else {})}
    for key, value in results.items():
        (folder / f'{key}.f32').write_bytes(value.detach().contiguous().numpy().tobytes())
    print(json.dumps({'milliseconds': milliseconds[1:], 'torch': torch.__version__, 'threads': torch.get_num_threads()}))


if __name__ == '__main__':
    main()
