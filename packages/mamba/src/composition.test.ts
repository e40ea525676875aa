import { tensor } from '@ss/core';
import type { Engine, FloatTensor, Tensor } from '@ss/core';
import type { Layer, LayerState } from '@ss/mamba-block';
import { describe, expect, test } from 'vitest';
import { MambaModel, randomModel } from './index.ts';

const shape = { dModel: 8, layers: 4, vocabulary: 20 };
const prompt = [3, 1, 4, 1, 5, 9, 2, 6];
const greedy = { maxTokens: 5, temperature: 0 };

const small = (): Promise<MambaModel> => randomModel(shape, { backend: 'reference', seed: 1 });

/** x + W silu(x): a layer without state. */
class Feedforward implements Layer {
  readonly #engine: Engine;
  readonly #weight: Tensor;

  constructor(engine: Engine, width: number) {
    this.#engine = engine;
    this.#weight = engine.tensor(
      Array.from({ length: width * width }, (_, i) => Math.sin(i)),
      [width, width],
    );
  }

  forward(x: Tensor): FloatTensor {
    using active = this.#engine.silu({ x });
    return this.#engine.linear({ x: active, weight: this.#weight, residual: x });
  }

  step(x: Tensor): FloatTensor {
    return this.forward(x);
  }

  createState(): LayerState {
    return {};
  }

  dispose(): void {
    this.#weight.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** x + the mean of the last two inputs: a layer with a state of its own. */
class Smooth implements Layer<{ past: Tensor }> {
  readonly #engine: Engine;
  readonly #weight: Tensor;
  readonly #width: number;

  constructor(engine: Engine, width: number) {
    this.#engine = engine;
    this.#width = width;
    this.#weight = engine.tensor(
      Array.from({ length: width * 2 }, () => 0.5),
      [width, 2],
    );
  }

  forward(x: Tensor, state?: { past: Tensor }): FloatTensor {
    using mean = this.#engine.causalConv1d({ x, weight: this.#weight, state: state?.past });
    return this.#engine.add({ a: x, b: mean.y });
  }

  step(x: Tensor, { past }: { past: Tensor }): FloatTensor {
    using mean = this.#engine.causalConv1dUpdate({ x, weight: this.#weight, state: past });
    return this.#engine.add({ a: x, b: mean });
  }

  createState(batch: number): { past: Tensor } {
    return { past: this.#engine.state([batch, 1, this.#width]) };
  }

  dispose(): void {
    this.#weight.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

describe('layers are a plain array:', () => {
  test('a model of some of them runs just those', async () => {
    await using model = await small();
    await using shallow = model.with({ layers: model.layers.slice(0, 2) });
    expect(shallow.config.layers).toBe(2);

    const [first, second] = model.layers as [Layer, Layer];
    const { engine } = model;
    using logits = engine.scope(() => {
      const x = model.embed(tensor(Int32Array.from(prompt), [1, prompt.length]));
      return model.head(model.norm(second.forward(first.forward(x)).select(1, -1)));
    });
    expect(await shallow.logits(prompt)).toEqual(await logits.read());
    expect(await shallow.logits(prompt)).not.toEqual(await model.logits(prompt));
  });

  test('the model they were taken from goes on after it', async () => {
    await using model = await small();
    const before = await model.logits(prompt);
    const shallow = model.with({ layers: model.layers.slice(1) });
    await shallow.generate(prompt, greedy).text();
    await shallow.dispose();
    expect(await model.logits(prompt)).toEqual(before);
  });

  test('states are told apart by which layers there are, and in which order', async () => {
    await using model = await small();
    const reversed = model.with({ layers: model.layers.toReversed() });
    const same = model.with({ layers: [...model.layers] });
    expect(reversed.fingerprint).not.toBe(model.fingerprint);
    expect(same.fingerprint).toBe(model.fingerprint);
    using session = model.session();
    await session.prefill(prompt);
    await expect(reversed.restore(await session.save())).rejects.toMatchObject({ code: 'state-mismatch' });
    using restored = await same.restore(await session.save());
    expect(restored.tokens).toEqual(prompt);
  });

  test('layers of other kinds take part in prefill, decode, and the saved state', async () => {
    await using model = await small();
    const { engine } = model;
    using feedforward = new Feedforward(engine, shape.dModel);
    using smooth = new Smooth(engine, shape.dModel);
    const [a, b, c] = model.layers as [Layer, Layer, Layer];
    await using hybrid = model.with({ layers: [a, smooth, b, feedforward, smooth, c] });

    const whole: number[] = [];
    for await (const { id } of hybrid.generate(prompt, greedy)) whole.push(id);
    for (const chunk of [1, 3]) {
      const ids: number[] = [];
      for await (const { id } of hybrid.generate(prompt, { ...greedy, chunk })) ids.push(id);
      expect(ids).toEqual(whole);
    }
    using session = hybrid.session();
    await session.prefill(prompt);
    using again = await hybrid.restore(await session.save());
    const ids: number[] = [];
    for await (const { id } of hybrid.generate([], { ...greedy, state: again })) ids.push(id);
    expect(ids).toEqual(whole);
    expect(await hybrid.logits(prompt)).not.toEqual(await model.logits(prompt));
  });

  test('a model can be made of parts alone', async () => {
    await using model = await small();
    const { engine, config, embedding, normWeight, layers } = model.parts;
    const made = new MambaModel({ engine, config, embedding, normWeight, layers, fingerprint: 'mine' });
    expect(await made.logits(prompt)).toEqual(await model.logits(prompt));
  });
});

describe('the layers by hand', () => {
  test('give the logits of every position of every sequence of a batch', async () => {
    await using model = await small();
    const other = prompt.toReversed();
    using logits = model.forward(tensor(Int32Array.from([...prompt, ...other]), [2, prompt.length]));
    expect(logits.shape).toEqual([2, prompt.length, shape.vocabulary]);
    for (const [b, text] of [prompt, other].entries()) {
      for (const length of [1, 4, text.length]) {
        using row = logits.select(0, b).select(0, length - 1);
        expect(await row.read()).toEqual(await model.logits(text.slice(0, length)));
      }
    }
  });

  test('advance states that are theirs', async () => {
    await using model = await small();
    const states = model.createStates();
    const ids = (tokens: readonly number[]): Tensor => tensor(Int32Array.from(tokens), [1, tokens.length]);
    model.forward(ids(prompt.slice(0, 5)), states).dispose();
    using logits = model.forward(ids(prompt.slice(5)), states);
    using last = logits.select(1, -1);
    expect(await last.read()).toEqual(await model.logits(prompt));
  });
});

describe('hidden states', () => {
  const ids = tensor(Int32Array.from([...prompt, ...prompt.toReversed()]), [2, prompt.length]);
  const values = (tensors: readonly Tensor[]): Promise<unknown[]> =>
    Promise.all(tensors.map((one) => one.read()));

  test('are what each layer gives, in the order asked for', async () => {
    await using model = await small();
    const { engine, layers } = model;
    const every = engine.scope(() => {
      const outputs: FloatTensor[] = [];
      for (const layer of layers) outputs.push(layer.forward(outputs.at(-1) ?? model.embed(ids)));
      return outputs;
    });
    const [first, second, third, last] = await values(every);
    const asked = model.hidden(ids, [2, 0, -1, 2, -3]);
    expect(asked.map((x) => x.shape)).toEqual(asked.map(() => [2, prompt.length, shape.dModel]));
    expect(await values(asked)).toEqual([third, first, last, third, second]);
    using logits = engine.scope(() => model.head(model.norm(model.hidden(ids, [-1])[0]!)));
    using forward = model.forward(ids);
    expect(await logits.read()).toEqual(await forward.read());
  });

  test('leave every state after the last token, even of layers above', async () => {
    await using model = await small();
    const [states, same] = [model.createStates(2), model.createStates(2)];
    model.forward(ids, same).dispose();
    for (const x of model.hidden(ids, [0], states)) x.dispose();
    using after = model.forward(ids, states);
    using expected = model.forward(ids, same);
    expect(await after.read()).toEqual(await expected.read());
  });

  test('are all that is kept', async () => {
    await using model = await small();
    const { engine } = model;
    const before = engine.memory().tensorBytes;
    const [one, two] = model.hidden(ids, [1, 1]);
    expect(engine.memory().tensorBytes).toBe(before + one!.size * 4);
    one!.dispose();
    two!.dispose();
    expect(engine.memory().tensorBytes).toBe(before);
    expect(model.hidden(ids, [])).toEqual([]);
    expect(engine.memory().tensorBytes).toBe(before);
  });

  test.for([4, -5, 0.5, NaN])('of layer %d there are none', async (layer) => {
    await using model = await small();
    expect(() => model.hidden(ids, [0, layer])).toThrow(
      expect.objectContaining({ code: 'argument-invalid' }),
    );
  });
});
