// npm run picture: the built page with its recorded run, at its end, as docs/figures/page.png (the curves, light) and docs/figures/found.png (what was found,
// dark), 1440 x 900 each. Refuses to write a picture of a page that reported an error, has no recorded run, or weighs more than README pages should.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { openBrowser } from './browser.mjs';
import { ensurePage } from './build.mjs';
import { PAGE_DIR, ROOT } from './paths.mjs';
import { ensureInstalled } from './prepare.mjs';
import { serve } from './serve.mjs';

const FIGURES = join(ROOT, 'docs', 'figures');
/** Name, colours, and the panel that is at the top; none: the page's own top. */
const PICTURES = /** @type {const} */ ([
  ['page', 'light', null],
  ['found', 'dark', '#panel-found'],
]);
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
    for (const [name, colorScheme, panel] of PICTURES) await take(name, colorScheme, panel);
  } finally {
    await browser.close();
    await server.close();
  }

  /** @param {string} name @param {'light' | 'dark'} colorScheme @param {string | null} panel */
  async function take(name, colorScheme, panel) {
    const page = await browser.context.newPage();
    page.setDefaultTimeout(LIMIT_MS);
    /** @type {string[]} */
    const errors = [];
    page.on('pageerror', (error) => errors.push(error.message));
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.goto(server.url);
    const position = page.getByLabel('Position in the recorded run');
    await position.press('End');
    await position.blur();
    await page.locator('.uplot canvas').first().waitFor();
    if (panel)
      await page.locator(panel).evaluate((element) => {
        const header = /** @type {HTMLElement} */ (document.querySelector('header.top')).offsetHeight;
        scrollTo(0, element.getBoundingClientRect().top + scrollY - header);
      });
    await page.waitForTimeout(SETTLED_MS);
    const png = await page.screenshot();
    if (errors.length > 0) throw new Error(`The page reported: ${errors[0]}`);
    if (png.length > MAX_BYTES) throw new Error(`The picture has ${png.length} bytes; the limit is ${MAX_BYTES}.`);
    mkdirSync(FIGURES, { recursive: true });
    const file = join(FIGURES, `${name}.png`);
    writeFileSync(file, png);
    process.stdout.write(`${relative(process.cwd(), file)}: ${png.length} bytes\n`);
    await page.close();
  }
}

main().catch((error) => {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
});
