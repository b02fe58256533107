// LoRA adapters against peft, see make_lora.py.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fromBytes } from '../../src/formats/byteSource.ts';
import { parseConfig } from '../../src/formats/config.ts';
import { readPeft, writePeft } from '../../src/formats/peft.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { familyFolder, LORA_FOLDERS, type LoraGolden, loraFolder, openWeights, readJson, readTensors } from '../support/goldenFolder.ts';

describe.each(LORA_FOLDERS)('the adapter of %s', (name) => {
  const folder = loraFolder(name);
  const golden = readJson<LoraGolden>(folder, 'golden/golden.json');
  const { architecture } = parseConfig(readFileSync(join(familyFolder(golden.base), 'config.json'), 'utf8'));

  it('is written back as peft saved it', async () => {
    const config = readFileSync(join(folder, 'adapter_config.json'), 'utf8');
    const adapter = await readPeft(architecture, config, await openWeights(folder));
    const files = await writePeft(architecture, adapter);
    const written = await readSafetensors(fromBytes('written', files.get('adapter_model.safetensors')!));
    const saved = await readTensors(folder, 'adapter_model.safetensors');
    expect([...written.tensors.keys()].sort()).toEqual([...saved.keys()].sort());
    for (const [key, values] of saved) expect(await written.readFloat32(key), key).toEqual(values);
    const { target_modules, r } = JSON.parse(new TextDecoder().decode(files.get('adapter_config.json')!));
    const wanted = JSON.parse(config);
    expect({ target_modules: [...target_modules].sort(), r }).toEqual({ target_modules: wanted.target_modules, r: wanted.r });
  });
});
