import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { installed } from './consumer.ts';
import { rooms } from '../arrows/rooms.ts';
import { PACKAGES } from '../helpers/repository.ts';

/** A room and all below it. */
const reach = (room: string): string[] => [
  room,
  ...(rooms[room]?.platforms ?? []),
  ...(rooms[room]?.sees ?? []).flatMap(reach),
];

test.each(PACKAGES)(
  '@ss/%s installs alone, with no more of the house than its arrows reach',
  async (name) => {
    await using consumer = await installed(`@ss/${name}`);
    const found = readdirSync(join(consumer.folder, 'node_modules/@ss'));
    expect(found).toContain(name);
    expect(reach(name)).toEqual(expect.arrayContaining(found));
  },
);
