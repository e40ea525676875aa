import type { Call } from './call.ts';
import { mapInputs } from './call.ts';
import { rounded } from '../values.ts';

/** The same call with some elements of one argument replaced; `at` maps a flat index to a new value or to none. */
export function withElements(
  call: Call,
  argument: string,
  at: (index: number, old: number) => number | undefined,
): Call {
  return {
    ...call,
    inputs: mapInputs(call.inputs, (value, name) => {
      if (name !== argument) return value;
      return {
        ...value,
        data: rounded(
          value.data.map((old, index) => at(index, old) ?? old),
          value.dtype,
        ),
      };
    }),
  };
}

/** One element, by its position. */
export function withElement(
  call: Call,
  argument: string,
  position: readonly number[],
  element: number,
): Call {
  const { shape } = call.inputs[argument]!;
  const flat = position.reduce((index, i, axis) => index * shape[axis]! + i, 0);
  return withElements(call, argument, (index) => (index === flat ? element : undefined));
}
