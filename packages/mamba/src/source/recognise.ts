import type { SourceFile } from './source.ts';

/** What lies under a name that promises something else. */
export interface Recognised {
  /** In a sentence: `is ...` */
  readonly what: string;
  readonly hint: string;
}

interface Kind extends Recognised {
  matches(start: Uint8Array, text: string): boolean;
}

type Wanted = 'safetensors' | 'torch' | 'json';

/** Enough for every sign below; the last one, of tar, is at byte 257. */
const startBytes = 512;

/** The first bytes of an archive are letters, too. */
const shortestMessage = 8;

const convert = 'Convert it to safetensors with the program it came from.';
const again = 'Download it again, with the account or token that may read it.';

/** `torch.save` up to version 1.5: a pickle of a number that nothing else begins with. */
const oldTorch = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

const kinds: readonly Kind[] = [
  {
    matches: (_, text) => text.startsWith('version https://git-lfs.github.com/spec/'),
    what: 'is a Git LFS pointer, which stands for the file',
    hint: 'Run `git lfs pull` in the folder, or download the file itself.',
  },
  {
    matches: (_, text) => /^\s*<(!doctype html|html|head|body|!--)/i.test(text),
    what: 'is an HTML page, such as a page to log in or one that says what went wrong',
    hint: again,
  },
  {
    matches: (_, text) => /^\s*<(\?xml|[a-z]+>)/i.test(text),
    what: 'is XML, such as a storage server answers with when it refuses a file',
    hint: again,
  },
  {
    matches: (start) => startsWith(start, oldTorch),
    what: 'is of the format that torch.save wrote before PyTorch 1.6',
    hint: 'Write it anew where PyTorch is: torch.save(torch.load(file, map_location="cpu", weights_only=True), file).',
  },
  { matches: begins('GGUF'), what: 'is a GGUF file', hint: 'Take the safetensors files of the model.' },
  { matches: begins('\x1F\x8B'), what: 'is compressed by gzip', hint: 'Unpack it with gunzip.' },
  { matches: begins('\x28\xB5\x2F\xFD'), what: 'is compressed by zstd', hint: 'Unpack it with zstd -d.' },
  { matches: begins('\xFD7zXZ'), what: 'is compressed by xz', hint: 'Unpack it with unxz.' },
  { matches: begins('BZh'), what: 'is compressed by bzip2', hint: 'Unpack it with bunzip2.' },
  { matches: begins('7z\xBC\xAF'), what: 'is a 7z archive', hint: 'Unpack it.' },
  { matches: begins('\x93NUMPY'), what: 'is an array of NumPy', hint: convert },
  { matches: begins('\x89HDF'), what: 'is an HDF5 file', hint: convert },
  { matches: begins('\xFF\xFE'), what: 'is text in UTF-16', hint: 'Save it in UTF-8.' },
  {
    // The name of its first file is followed by zeros; an archive of torch.save has them, too.
    matches: (start) =>
      begins('ustar')(start.subarray(257)) && start.subarray(0, 100).includes(0) && !begins('PK')(start),
    what: 'is a tar archive',
    hint: 'Unpack it with tar -xf.',
  },
];

const zip: Kind = {
  matches: begins('PK\x03\x04'),
  what: 'is a zip archive',
  hint: 'Files of torch.save are such archives, and end in .bin; others are unpacked first.',
};
const pickle: Kind = {
  matches: (start) => start[0] === 0x80 && start[1]! >= 2 && start[1]! <= 5 && start[2] !== 0,
  what: 'is a bare pickle, which torch.save does not write',
  hint: convert,
};
const safetensors: Kind = {
  matches: (start) => start[8] === 0x7b && start.subarray(4, 8).every((byte) => byte === 0),
  what: 'is a safetensors file',
  hint: 'Give it a name that ends in .safetensors.',
};
const text: Kind = {
  matches: (start) =>
    start.length >= shortestMessage && start.every((byte) => byte >= 0x20 || (byte >= 0x09 && byte <= 0x0d)),
  what: 'is text, such as a message of a server',
  hint: again,
};

const empty: Kind = {
  matches: (start) => start.length === 0,
  what: 'is empty',
  hint: 'Download it again.',
};

/** What else a file may be, beside the kinds above, that should be one of these. */
const others: Readonly<Record<Wanted, readonly Kind[]>> = {
  safetensors: [zip, pickle, text],
  torch: [pickle, safetensors, text],
  json: [empty, zip, pickle, safetensors],
};

/** What a file is in place of what it should be, by its first bytes; undefined when nothing speaks against it. */
export async function recognise(
  file: SourceFile,
  wanted: Wanted,
  signal?: AbortSignal,
): Promise<Recognised | undefined> {
  const start = await file.read(0, Math.min(file.size, startBytes), signal);
  // The length of a header may be the sign of something else.
  if (wanted === 'safetensors' && safetensors.matches(start, '')) return undefined;
  const beginning = new TextDecoder().decode(start);
  return [...kinds, ...others[wanted]].find(({ matches }) => matches(start, beginning));
}

/** A sign of bytes, written as the characters of these codes. */
function begins(sign: string): (start: Uint8Array) => boolean {
  const codes = [...sign].map((char) => char.codePointAt(0)!);
  return (start) => startsWith(start, codes);
}

function startsWith(start: Uint8Array, sign: readonly number[]): boolean {
  return sign.every((byte, i) => start[i] === byte);
}
