// What the page believes of messages that say they come from the sandbox: those of its own frames, in the agreed form, and not without end.
import { expect, it } from 'vitest';
import { hearSandbox, MOST_TOLD, type SandboxNews } from '../../../src/verify/sandboxNews.ts';

const frame = {} as Window;
const refused = (directive: unknown, address: unknown) => ({ refused: { directive, address } });

function heard() {
  const taken: SandboxNews[] = [];
  const hear = hearSandbox(
    (source) => source === frame,
    (news) => taken.push(news),
  );
  return { taken, say: (data: unknown, source: MessageEventSource | null = frame) => hear({ source, data }) };
}

it('takes refusals and ends from frames of the page, and nothing from any other window', () => {
  const { taken, say } = heard();
  say(refused('connect-src', 'https://elsewhere.example'));
  say({ ended: true });
  for (const other of [null, {} as Window]) {
    say(refused('connect-src', 'x'), other);
    say({ ended: true }, other);
  }
  expect(taken).toEqual([refused('connect-src', 'https://elsewhere.example'), { ended: true }]);
});

it('rebuilds what it takes: other forms are passed over, addresses are cut, and nothing more comes along', () => {
  const { taken, say } = heard();
  const wrong = [null, 'sandbox ready', 3, [], {}, { ended: 1 }, { refused: null }, refused('connect-src', 7), refused('<b>', 'x')];
  for (const data of [...wrong, refused('x'.repeat(41), 'x'), refused(undefined, 'x')]) say(data);
  expect(taken).toEqual([]);
  say({ refused: { directive: 'img-src', address: 'y'.repeat(9999), more: 1 }, more: 2 });
  expect(taken).toEqual([refused('img-src', 'y'.repeat(200))]);
});

it('R26 a flood ends at its cap, and what others say does not use it up', () => {
  const { taken, say } = heard();
  for (let i = 0; i < 3 * MOST_TOLD; i++) say({ ended: true }, {} as Window);
  for (let i = 0; i < 3 * MOST_TOLD; i++) say({ ended: true });
  expect(taken).toHaveLength(MOST_TOLD);
});
