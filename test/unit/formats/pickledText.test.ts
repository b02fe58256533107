import { zlibSync } from 'fflate';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FormatError } from '../../../src/formats/formatError.ts';
import { readPickledText } from '../../../src/formats/pickledText.ts';

const pack = (...bytes: number[]): string => btoa(String.fromCharCode(...zlibSync(Uint8Array.from(bytes))));
const long = (n: number): number[] => [n & 255, (n >> 8) & 255, 0, 0, 0, 0, 0, 0];

it('reads the string of each pickle protocol', () => {
  const text = [...new TextEncoder().encode('[é]')];
  expect(readPickledText(pack(0x80, 4, 0x95, ...long(8), 0x8c, 4, ...text, 0x94, 0x2e), 'it')).toBe('[é]');
  expect(readPickledText(pack(0x80, 2, 0x58, 4, 0, 0, 0, ...text, 0x71, 0, 0x2e), 'it')).toBe('[é]');
  expect(readPickledText(pack(0x80, 4, 0x8d, ...long(4), ...text, 0x94, 0x2e), 'it')).toBe('[é]');
  // python -c "import base64, zlib, pickle; print(base64.b64encode(zlib.compress(pickle.dumps('[1, 2]'))).decode())"
  expect(readPickledText('eJxrYJnKxQABPWzRhjoKRrFT9AAlYgPf', 'it')).toBe('[1, 2]');
});

it('refuses pickles of anything else, cut ones and other bytes', () => {
  const global = [...new TextEncoder().encode('cos\nsystem\n(S"ls"\ntR.')];
  expect(() => readPickledText(pack(0x80, 4, ...global), '"private_test_cases"')).toThrow(
    '"private_test_cases" is a pickle of something else',
  );
  expect(() => readPickledText(pack(0x80, 4, 0x8c, 200, 65, 0x2e), 'it')).toThrow(FormatError);
  expect(() => readPickledText(pack(0x80, 4, 0x8c, 1, 65, 0x94, 0x2e, 0x2e), 'it')).toThrow(FormatError);
  expect(() => readPickledText('%%%', 'it')).toThrow('it is not base64');
  expect(() => readPickledText(btoa('not zlib'), 'it')).toThrow('zlib data is damaged');
});

it('answers or throws FormatError whatever the bytes are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.boolean(), (bytes, zipped) => {
      try {
        readPickledText(btoa(String.fromCharCode(...(zipped ? zlibSync(bytes) : bytes))), 'it');
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }),
  );
});
