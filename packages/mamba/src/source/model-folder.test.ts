import { describe, expect, test } from 'vitest';
import { failureOf } from '../../test/failure.ts';
import { blobs, tinyFiles, tinyTensors } from '../../test/tiny-checkpoint.ts';
import { loadModel } from '../load-model.ts';
import { modelFolder } from './model-folder.ts';

const chosen = (...paths: string[]): string[] =>
  [...modelFolder(paths.map((path) => [path, path] as const)).values()].toSorted();

describe('the files of a model among chosen ones are', () => {
  test.for([
    [
      ['model.safetensors', 'config.json'],
      ['config.json', 'model.safetensors'],
    ],
    // The checkpoints of a training below it, in any order.
    [['m/model.safetensors', 'm/checkpoint-500/model.safetensors'], ['m/model.safetensors']],
    [['m/checkpoint-500/model.safetensors', 'm/model.safetensors'], ['m/model.safetensors']],
    [['m\\a\\x.bin', 'm\\x.bin'], ['m\\x.bin']],
    [['./x.safetensors', 'deep/x.safetensors'], ['./x.safetensors']],
    // Weights in one folder alone.
    [['m/weights/x.safetensors', 'm/README.md'], ['m/weights/x.safetensors']],
    [
      ['a/b/c/x.bin', 'a/b/c/config.json'],
      ['a/b/c/config.json', 'a/b/c/x.bin'],
    ],
    // Shards belong together.
    [
      ['m/x.safetensors.index.json', 'm/x-1.safetensors', 'm/old/y.bin'],
      ['m/x-1.safetensors', 'm/x.safetensors.index.json'],
    ],
    // Nothing to go by.
    [['m/config.json', 'm/docs/a.md'], ['m/config.json']],
  ] as const)('of %o those of its own folder: %o', ([given, wanted]) => {
    expect(chosen(...given)).toEqual(wanted);
  });

  test('not to be told when several folders have some', () => {
    const paths = ['runs/checkpoint-500/model.safetensors', 'runs/checkpoint-900/model.safetensors'];
    for (const given of [paths, paths.toReversed()]) {
      expect(() => chosen(...given)).toThrow(expect.objectContaining({ code: 'source-invalid' }));
      for (const path of paths) expect(() => chosen(...given)).toThrow(path);
    }
  });

  test('not two of one path', () => {
    expect(() => chosen('model.safetensors', 'model.safetensors')).toThrow('Two files are model.safetensors');
    expect(() => chosen('m/x.bin', 'm//x.bin')).toThrow('Two files are m/x.bin');
  });
});

describe('a chosen folder', () => {
  const [top, below] = [tinyFiles(), tinyFiles(tinyTensors({ untied: true }))];
  const file = (path: string, bytes: Uint8Array): File =>
    Object.assign(new File([bytes as Uint8Array<ArrayBuffer>], path.slice(path.lastIndexOf('/') + 1)), {
      webkitRelativePath: path,
    });
  const files = [
    ...Object.entries(top).map(([name, bytes]) => file(`model/${name}`, bytes)),
    ...Object.entries(below).map(([name, bytes]) => file(`model/checkpoint-500/${name}`, bytes)),
  ];
  /** As a browser's: numbered, iterable, no array. */
  class FileList {
    readonly [index: number]: File;
    readonly #files: readonly File[];
    constructor(files: readonly File[]) {
      this.#files = files;
      Object.assign(this, files);
    }
    [Symbol.iterator](): Iterator<File> {
      return this.#files[Symbol.iterator]();
    }
  }

  test.for([
    ['an array', files],
    ['an array from its end', files.toReversed()],
    ['a FileList', new FileList(files)],
    ['a set', new Set(files)],
  ] as const)('as %s is the model that lies right in it', async ([, source]) => {
    await using model = await loadModel(source, { backend: 'reference' });
    await using wanted = await loadModel(blobs(top), { backend: 'reference' });
    expect(model.fingerprint).toBe(wanted.fingerprint);
  });

  test('with two checkpoints below it is none', async () => {
    const two = ['500', '900'].map((step) => file(`runs/${step}/model.safetensors`, new Uint8Array()));
    const error = await failureOf(loadModel(two, { backend: 'reference' }));
    expect(error).toMatchObject({ code: 'source-invalid' });
    for (const step of ['500', '900']) expect(error.message).toContain(`runs/${step}/model.safetensors`);
  });
});
