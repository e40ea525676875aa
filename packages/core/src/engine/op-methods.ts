import { opNames, ops } from '../ops/index.ts';
import type { Ops } from '../ops/index.ts';
import type { OpName } from '../ops/op.ts';
import type { Tensor } from '../tensor.ts';

export type Outputs = Readonly<Record<string, Tensor>>;

abstract class Methods {
  static {
    for (const op of opNames) {
      const { result } = ops[op];
      const method = function (this: Methods, args: object): Tensor | (Outputs & Disposable) {
        const outputs = this.call(op, args);
        return result === undefined ? withDispose(outputs) : outputs[result]!;
      };
      Object.defineProperty(this.prototype, op, { value: method, writable: true, configurable: true });
    }
  }

  abstract call(op: OpName, args: object): Outputs;
}

/** The base of a class that has every op as a method, made of its `call`, as the table of ops says. */
export const OpMethods = Methods as unknown as abstract new () => Ops;

function withDispose(outputs: Outputs): Outputs & Disposable {
  return Object.defineProperty({ ...outputs } as Outputs & Disposable, Symbol.dispose, {
    value: () => {
      for (const output of Object.values(outputs)) output.dispose();
    },
  });
}
