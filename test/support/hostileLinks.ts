// Links as nobody's page writes them, and links of earlier releases as they are out there. Refuses nothing: what a page must say to them is the test's affair.
import { crc32 } from '../../src/formats/crc32.ts';
import { deflateRaw, toBase64Url } from '../../src/share/compressed.ts';

/** A link with this content (or these deflated bytes) and a right checksum. */
export async function forgeLink(content: string | Uint8Array<ArrayBuffer>, deflated?: Uint8Array, version = 1): Promise<string> {
  const bytes = deflated ?? (await deflateRaw(typeof content === 'string' ? new TextEncoder().encode(content) : content));
  const payload = new Uint8Array(4 + bytes.length);
  new DataView(payload.buffer).setUint32(0, crc32(bytes), true);
  payload.set(bytes, 4);
  return `#v${version}.${toBase64Url(payload)}`;
}

/** A thousand times its size. */
export const bombLink = (): Promise<string> => forgeLink(`{"r":{},"c":[],"s":[]}${' '.repeat(20_000_000)}`);

/** Content that is no link's, a right checksum or not. */
export const HOSTILE_CONTENTS: readonly string[] = [
  '{"r":{"__proto__":{"polluted":1}},"c":[],"s":[]}',
  '{"r":{"ra3":{"__proto__":{"polluted":1}}},"c":[],"s":[]}',
  '{"r":{"constructor":{"prototype":{"polluted":1}}},"c":[],"s":[]}',
  '{"__proto__":{"polluted":1},"r":{},"c":[],"s":[]}',
  '{"r":{},"c":[],"s":[],"extra":1}',
  '{"r":{"extra":1},"c":[],"s":[]}',
  '{"r":{"seed":-1},"c":[],"s":[]}',
  '{"r":{"seed":null},"c":[],"s":[]}',
  '{"r":{"ra3":7},"c":[],"s":[]}',
  '{"r":{"ra3":{"m":{"lr":1e9}}},"c":[],"s":[]}',
  '{"r":{"task":{"kind":"code"}},"c":[],"s":[]}',
  '{"r":{},"c":[{"n":"x","k":3,"x":{"a":0,"s":1,"d":1},"y":{"a":0,"s":1,"d":[1]}}],"s":[]}',
  '{"r":{},"c":[{"n":"x","k":2,"x":{"a":1e308,"s":1e308,"d":1000},"y":{"a":0,"s":1,"d":1}}],"s":[]}',
  '{"r":{},"c":[{"n":"x","k":1e9,"x":{"a":0,"s":1,"d":1},"y":{"a":0,"s":1,"d":1}}],"s":[]}',
  '{"r":{},"c":[{"n":"x","k":1,"x":{"a":0,"s":1,"d":[null]},"y":{"a":0,"s":1,"d":1}}],"s":[]}',
  '{"r":{},"c":[],"s":[{"arm":"ra3"}]}',
  `{"r":${'['.repeat(50_000)}${']'.repeat(50_000)},"c":[],"s":[]}`,
  '[]',
  'null',
  '',
  '{',
];

/** By version, as the releases that wrote it did: they are opened for ever. */
export const OLD_LINKS = {
  1: '#v1.tc6NWy2LOw4DIQxE7zK1tWuyofFVEIUVqMJSGOUnxN0j0Dajp3kzHQbpqHpmCNqppYDQck4QTzA9pn5AeHNj0KTQUSGw8rbd9Ngtf9QSCE_InfCdB4U4QluZIG4QflfP280vxRsz--UDk2em-iqFHDPHMeLahDj-',
  2: '#v2.UM3oECWNwQqCUBBFfyXuepR5z7Sc3QM_oLBVImI6mhAYarYI_z1erS6Hy-F8MEE-mFVbSLwRGkhREub_qD9rSIF-HPuHgjC_h26Z73WrEwi5p_xHu0zXoVF4e-yWdz0pZJleSlgh4NCEDMICgWWbBGyCyFxsJHEqcRoy8xWEJ8QaZiYMPsvGRvs4ORzT-ta02oHgAy2kSAnu7Jw7VVVVHTPnnEO5bV8',
  3: '#v3.ix4BGYVS227iMBD9FXSep5HtEC7WaqWseNxLt-3TIoRcYkhEcJBtSiuUf1-NgbbqqtqXyZwzk7kdn-ChT3BmZ6Hxo3F28OXxKwjB2gp6TIgmbDll27gKGtE-RxDWjW0ZrjoXrWNmZ54fuq11AVoVI0Jt2-rXIUKLTKboXXcM0FKInmD8LkDP4eIeBG9yLM4ffcLq-guDEO0-QOd93xNH5ic4aHh7NL4CYQudE5451UBLQki2gpY94eXCi3f8XJA7tC3JRd8vEj8_8Txc1eQg7GsT-BhmHa1nbEIoI1eSbHbWOJ6wILQdO0NC3bAz6gmT9ynj15zxNWfCe8S6cds7Ey0zqrgQ316-N86mAbm6XDDfHTZ1DLfW3_pu480OWlGqPzt4E5vOQadtrkLcNZs63Xz6qsDPtoWWmSp4XXu5yBybrtu0lpU-NusYalOlbe8Z3Sc0mNmnZmVZmtCt49F4Cx39wRKeoCEymQkQIjSUUKMbIW9y-aByXUx1Mc2EEH_4fNBKCiEIDbcVUuXDYjSeTM3jqrJrELgBCzMllL_LsrxdLpfLyawsyxKLPml8lb198gNv8sFZeTX8RPq8T2Odtc_EMMVEJtT1BaghqeKd_Qz-y78xPNru0uTc4a38mNQo2VfnA_w_z8-z_ws',
} as const;
