"""The selective scan in PyTorch, on one thread: the peer of `ss bench scan --against torch`.

    python3 selective_scan.py FOLDER

FOLDER holds call.json {"shapes": {name: [...]}, "softplus": bool} and a raw little-endian f32 file for every name, in
the names and the time-major shapes of @ss: u, delta, z (B, L, D); A (D, N); B, C (B, L, N); D, deltaBias (D); and for
the gradient dy (B, L, D), dfinalState (B, D, N).

Says {"torch", "threads", "simd", "formulations"} on a line, then answers a line of {"formulation", "keep"} with
{"milliseconds"} until its input ends; with "keep" it leaves y, finalState and, where there is dy, the gradient of
every input in the folder.

`sequential` walks step by step, as the official package's reference function does; `chunked-cumsum-64` divides
cumulated products by cumulated decays, 64 steps at a time, the default of those who write it so, and
`chunked-cumsum-16` 16 at a time, which keeps more in the caches and loses less to the division. All are written anew from
the formulas.
"""

import functools
import json
import pathlib
import sys
import time

import torch

def chunked_cumsum(chunk, u, dt, A, B, C, h):
    """h_t = W_t (sum_{i<=t} dt_i B_i u_i / W_i + h_0) with W_t = exp(A sum_{i<=t} dt_i), per chunk."""
    ys = []
    for start in range(0, u.shape[0], chunk):
        part = slice(start, start + chunk)
        W = torch.einsum('dn,lbd->lbdn', A, dt[part].cumsum(0)).exp()
        inputs = torch.einsum('lbd,lbn->lbdn', dt[part] * u[part], B[part])
        states = W * (inputs / W).cumsum(0) + W * h.unsqueeze(0)
        ys.append(torch.einsum('lbn,lbdn->lbd', C[part], states))
        h = states[-1]
    return torch.cat(ys), h


def sequential(u, dt, A, B, C, h):
    """h_t = exp(dt_t A) h_{t-1} + dt_t B_t u_t, one t after another; all exponentials and products first.

    Taken apart at once: the gradient of an indexed step would be as large as all steps together, L times.
    """
    decay = torch.exp(torch.einsum('lbd,dn->lbdn', dt, A))
    inputs = torch.einsum('lbd,lbn->lbdn', dt * u, B)
    ys = []
    for decay_t, inputs_t, C_t in zip(decay.unbind(), inputs.unbind(), C.unbind()):
        h = decay_t * h + inputs_t
        ys.append(torch.einsum('bdn,bn->bd', h, C_t))
    return torch.stack(ys), h


FORMULATIONS = {
    'sequential': sequential,
    **{f'chunked-cumsum-{chunk}': functools.partial(chunked_cumsum, chunk) for chunk in (64, 16)},
}


def forward(formulation, data, softplus):
    u, delta, B, C = (data[name].transpose(0, 1) for name in ('u', 'delta', 'B', 'C'))
    dt = delta + data['deltaBias'] if 'deltaBias' in data else delta
    if softplus:
        dt = torch.nn.functional.softplus(dt)
    h = torch.zeros(u.shape[1], *data['A'].shape)
    y, h = FORMULATIONS[formulation](u, dt, data['A'], B, C, h)
    if 'D' in data:
        y = y + data['D'] * u
    y = y.transpose(0, 1)
    return y * torch.nn.functional.silu(data['z']) if 'z' in data else y, h


def run(formulation, data, cotangents, softplus):
    """Outputs by name, and how long they took."""
    for value in data.values():
        value.grad = None
    started = time.perf_counter()
    if cotangents:
        y, h = forward(formulation, data, softplus)
        of = [('dy', y), ('dfinalState', h)]
        torch.autograd.backward(
            [output for name, output in of if name in cotangents],
            [cotangents[name] for name, _ in of if name in cotangents],
        )
    else:
        with torch.no_grad():
            y, h = forward(formulation, data, softplus)
    milliseconds = 1000 * (time.perf_counter() - started)
    gradients = {f'd{name}': value.grad for name, value in data.items()} if cotangents else {}
    return {'y': y, 'finalState': h, **gradients}, milliseconds


def say(message):
    print(json.dumps(message), flush=True)


def main():
    folder = pathlib.Path(sys.argv[1])
    torch.set_num_threads(1)
    call = json.loads((folder / 'call.json').read_text())
    data = {}
    for name, shape in call['shapes'].items():
        raw = bytearray((folder / f'{name}.f32').read_bytes())
        data[name] = torch.frombuffer(raw, dtype=torch.float32).reshape(shape)
    cotangents = {name: data.pop(name) for name in ('dy', 'dfinalState') if name in data}
    for value in data.values():
        value.requires_grad_(bool(cotangents))
    capability = torch.__config__.show().split('CPU capability usage: ')[-1].split('\n')[0]
    say({
        'torch': torch.__version__,
        'threads': torch.get_num_threads(),
        'simd': capability,
        'formulations': list(FORMULATIONS),
    })
    for line in sys.stdin:
        asked = json.loads(line)
        outputs, milliseconds = run(asked['formulation'], data, cotangents, call['softplus'])
        if asked['keep']:
            for name, value in outputs.items():
                (folder / f'{name}.f32').write_bytes(value.detach().contiguous().numpy().tobytes())
        say({'milliseconds': milliseconds})


if __name__ == '__main__':
    main()
