// npm run picture: the built page with its recorded run, at its end, as docs/figures/page.png (1440 x 900). Refuses to write a picture of a page
// that reported an error, has no recorded run, or weighs more than README pages should.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { openBrowser } from './browser.mjs';
import { ensurePage } from './build.mjs';
import { PAGE_DIR, ROOT } from './paths.mjs';
import { ensureInstalled } from './prepare.mjs';
import { serve } from './serve.mjs';

const PICTURE = join(ROOT, 'docs', 'figures', 'page.png');
const VIEWPORT = { width: 1440, height: 900 };
const MAX_BYTES = 400_000;
const LIMIT_MS = 60_000;
/** Charts redraw within a tenth of a second; a software browser may take longer. */
const SETTLED_MS = 1500;

async function main() {
  await ensureInstalled();
  if (!existsSync(join(ROOT, 'public', 'demo', 'log.jsonl.gz')))
    throw new Error('public/demo/log.jsonl.gz, the recorded run, is missing. Make it with npm run make:default -- --only demo.');
  await ensurePage();
  const server = await serve({ dir: PAGE_DIR, port: 0 });
  const browser = await openBrowser({ viewport: VIEWPORT });
  try {
    const page = await browser.context.newPage();
    page.setDefaultTimeout(LIMIT_MS);
    /** @type {string[]} */
    const errors = [];
    page.on('pageerror', (error) => errors.push(error.message));
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    await page.goto(server.url);
    const position = page.getByLabel('Position in the recorded run');
    await position.press('End');
    await position.blur();
    await page.locator('.uplot canvas').first().waitFor();
    await page.waitForTimeout(SETTLED_MS);
    const png = await page.screenshot();
    if (errors.length > 0) throw new Error(`The page reported: ${errors[0]}`);
    if (png.length > MAX_BYTES) throw new Error(`The picture has ${png.length} bytes; the limit is ${MAX_BYTES}.`);
    mkdirSync(dirname(PICTURE), { recursive: true });
    writeFileSync(PICTURE, png);
    process.stdout.write(`${relative(process.cwd(), PICTURE)}: ${png.length} bytes\n`);
  } finally {
    await browser.close();
    await server.close();
  }
}

main().catch((error) => {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
});
