// npm run results: the command line's verb `results`, which runs a preset on several seeds and writes docs/results.md from their logs.
process.argv.splice(2, 0, 'results');
await import('./lab.mjs');
