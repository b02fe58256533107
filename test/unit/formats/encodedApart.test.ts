// Work that encodes at once gets the ids of texts that were encoded apart, and none of its texts is encoded here.
import { expect, it } from 'vitest';
import { EncodedTexts } from '../../../src/formats/encodedApart.ts';
import { FormatError } from '../../../src/formats/formatError.ts';
import type { Tokenizer } from '../../../src/formats/tokenizer.ts';

const lettersOf = (text: string): number[] => [...text].map((letter) => letter.charCodeAt(0));

function parts() {
  const here: string[] = [];
  const apart: string[][] = [];
  const tokenizer: Tokenizer = {
    size: 256,
    bosId: 1,
    encode: (text, { addBos }) => {
      here.push(text);
      return addBos ? [1, ...lettersOf(text)] : lettersOf(text);
    },
    encodeContinuation: (text) => {
      here.push(text);
      return lettersOf(text);
    },
    decode: (ids) => String.fromCharCode(...ids),
    decodeToken: (id) => String.fromCharCode(id),
  };
  const encoded = new EncodedTexts({
    encode: async (texts, { addBos }) => {
      apart.push([...texts]);
      return texts.map((text) => (addBos ? [1, ...lettersOf(text)] : lettersOf(text)));
    },
    encodeContinuations: async (texts) => {
      apart.push([...texts]);
      return texts.map(lettersOf);
    },
  });
  return { tokenizer, encoded, here, apart };
}

it('gives the ids that were asked for, once for each text, also where one text follows from the ids of another', async () => {
  const { tokenizer, encoded, here, apart } = parts();
  const work = (t: Tokenizer) => {
    const first = t.encode('ab', { addBos: true });
    // what comes next depends on ids, as a line that begins with a token does
    return [
      first,
      t.encode('ab', { addBos: false }),
      t.encodeContinuation(t.decode(first.slice(1)) === 'ab' ? 'cd' : 'nothing'),
      t.encodeContinuation('e'),
    ];
  };
  expect(await encoded.during(tokenizer, work)).toEqual([[1, 97, 98], [97, 98], [99, 100], [101]]);
  expect(here).toEqual([]);
  expect(apart.flat().sort()).toEqual(['ab', 'ab', 'cd', 'e', 'nothing']);
  await encoded.during(tokenizer, work);
  expect(apart.flat()).toHaveLength(5);
});

it('what the work is given later encodes here, and ids may be changed by whoever got them', async () => {
  const { tokenizer, encoded, here } = parts();
  const later = await encoded.during(tokenizer, (t) => {
    t.encodeContinuation('a').push(9);
    return t;
  });
  expect(later.encodeContinuation('a')).toEqual([97]);
  expect(later.encodeContinuation('new')).toEqual(lettersOf('new'));
  expect(here).toEqual(['new']);
});

it('fails as the work fails, and as the side apart does', async () => {
  const { tokenizer, encoded } = parts();
  const failing = encoded.during(tokenizer, (t) => {
    if (t.encodeContinuation('abc').length !== 3) throw new Error('of ids that are none');
    throw new Error('its own');
  });
  await expect(failing).rejects.toThrow('its own');
  const stopped = new EncodedTexts({
    encode: () => Promise.reject(new FormatError('The tokenizer took longer than 2 s and was stopped.')),
    encodeContinuations: async () => [],
  });
  await expect(stopped.during(tokenizer, (t) => t.encode('aaa', { addBos: false }))).rejects.toThrow(FormatError);
});
