// From latents to what they do: a list to search, and of the one chosen its words, where it is chosen, its neighbours.
import { type KeyboardEvent, type ReactNode, useMemo, useRef, useState } from 'react';
import { type Latent, latentMap, neighbours, type Place, searchLatents, type ThoughtProgram } from '../app/latents.ts';
import { latentTone } from './latentTone.ts';
import { decimal, signed } from './numbers.ts';

export interface LatentSource {
  name: string;
  programs: readonly ThoughtProgram[];
  /** Of how many these are the first; null where they are all there are. */
  of: number | null;
}

interface LatentExplorerProps {
  sources: readonly LatentSource[];
  numbers: Map<string, number>;
  chosen: string | null;
  onChoose: (thought: string | null) => void;
  /** What follows, of the latent that is open. */
  below: (open: string | null) => ReactNode;
}

const MOST_LISTED = 200;
const WORDS_IN_LIST = 3;

export function LatentExplorer({ sources, numbers, chosen, onChoose, below }: LatentExplorerProps) {
  const [wanted, setSource] = useState<string | null>(null);
  const [query, setQuery] = useState('');
  const list = useRef<HTMLUListElement>(null);
  const source = sources.find((s) => s.name === wanted) ?? sources.at(-1)!;
  const map = useMemo(() => latentMap(source.programs), [source.programs]);
  const found = searchLatents(map.latents, query);
  const open = found.find((l) => l.thought === chosen) ?? found[0];
  const tone = (thought: string): string => latentTone(numbers.get(thought) ?? -1);
  const onKeyDown = (event: KeyboardEvent) => {
    const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    const at = found.indexOf(open) + by;
    if (by === 0 || !found[at]) return;
    event.preventDefault();
    onChoose(found[at]!.thought);
    list.current?.querySelectorAll('button')[at]?.focus();
  };
  return (
    <section className="latents" aria-label="Latents and what they do">
      <header>
        <h3>Latents and what they do</h3>
        <label className="field-inline">
          In
          <select value={source.name} onChange={(e) => setSource(e.target.value)}>
            {sources.map((s) => (
              <option key={s.name} value={s.name}>
                {s.name}
              </option>
            ))}
          </select>
        </label>
        <label className="field-inline">
          Search
          <input type="search" value={query} placeholder="thought, word or line" onChange={(e) => setQuery(e.target.value)} />
        </label>
        <p className="counts">
          <span className="num">{map.segments}</span> thoughts of <span className="num">{map.latents.length}</span> kinds in{' '}
          <span className="num">{map.programs}</span> programs{source.of ? ` (the first of ${source.of})` : ''};{' '}
          <span className="num">{percent(map.withoutLatent / Math.max(1, map.lines))}</span> of lines come before any thought
        </p>
      </header>
      {open ? (
        <div className="latents-body">
          <ul ref={list} onKeyDown={onKeyDown} aria-label="Latents, most frequent first">
            {found.slice(0, MOST_LISTED).map((latent) => (
              <li key={latent.thought}>
                <button
                  type="button"
                  className={`latent-row ${tone(latent.thought)}`}
                  aria-pressed={latent === open}
                  onClick={() => onChoose(latent.thought)}
                >
                  <span className="swatch" aria-hidden="true" />
                  <span className="latent-name"># {latent.thought || '(empty)'}</span>
                  <span className="latent-words">
                    {latent.words.slice(0, WORDS_IN_LIST).map((w) => (
                      <code key={w.word}>{w.word}</code>
                    ))}
                  </span>
                  <span className="latent-count">
                    <span className="latent-share" style={{ width: `${100 * latent.share}%` }} />
                    <span className="num">{latent.segments}</span>
                  </span>
                </button>
              </li>
            ))}
            {found.length > MOST_LISTED ? <li className="empty">{found.length - MOST_LISTED} more: search to narrow them down.</li> : null}
          </ul>
          <Detail latent={open} near={neighbours(map, open.thought)} tone={tone} onChoose={onChoose} />
        </div>
      ) : (
        <p className="empty">{map.latents.length === 0 ? 'Nobody thought in these programs.' : 'No latent matches the search.'}</p>
      )}
      {below(open?.thought ?? null)}
    </section>
  );
}

interface DetailProps {
  latent: Latent;
  near: { thought: string; similarity: number }[];
  tone: (thought: string) => string;
  onChoose: (thought: string) => void;
}

function Detail({ latent, near, tone, onChoose }: DetailProps) {
  const { thought, segments, programs, meanDuration, right, judged, gain, words, places, starts } = latent;
  const most = Math.max(...starts);
  return (
    <div className={`latent-detail ${tone(thought)}`}>
      <h4># {thought || '(empty)'}</h4>
      <p className="latent-facts">
        <span>
          chosen <span className="num">{segments}</span> {segments === 1 ? 'time' : 'times'} in <span className="num">{programs}</span>{' '}
          {programs === 1 ? 'program' : 'programs'}
        </span>
        <span>
          held for <span className="num">{decimal(meanDuration, 1)}</span> lines
        </span>
        {gain === null ? null : (
          <span>
            <span className="num">{signed(gain)}</span> nats each time
          </span>
        )}
        {judged > 0 ? (
          <span>
            right <span className="num">{right}</span> of <span className="num">{judged}</span>
          </span>
        ) : null}
      </p>
      <div className="latent-columns">
        <div>
          <h5>Words of its lines</h5>
          {words.length > 0 ? (
            <table className="words">
              <thead className="visually-hidden">
                <tr>
                  <th>Word</th>
                  <th>Lines</th>
                  <th>Lift</th>
                </tr>
              </thead>
              <tbody>
                {words.map((w) => (
                  <tr key={w.word}>
                    <th scope="row">
                      <code>{w.word}</code>
                    </th>
                    <td className="num">
                      {w.lines} {w.lines === 1 ? 'line' : 'lines'}
                    </td>
                    <td className="num" title="Share of its lines that have the word, over the share of all lines">
                      ×{decimal(w.lift, 1)}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          ) : (
            <p className="empty">No word is more frequent in its lines than in all.</p>
          )}
          <h5>Chosen before line</h5>
          <ol className="starts">
            {starts.map((n, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: the index is the line
              <li key={i} title={`Before line ${i + 1}: ${n}`}>
                <span className="start-bar" style={{ height: `${(100 * n) / most}%` }} />
                <span className="num">{i + 1}</span>
              </li>
            ))}
          </ol>
          <h5>Nearest in what they do</h5>
          {near.length > 0 ? (
            <ul className="near" title="Cosine of the words of their lines, less those of all lines">
              {near.map((n) => (
                <li key={n.thought}>
                  <button type="button" className={`near-latent ${tone(n.thought)}`} onClick={() => onChoose(n.thought)}>
                    <span className="swatch" aria-hidden="true" /> # {n.thought || '(empty)'}
                  </button>
                  <span className="num">{signed(n.similarity)}</span>
                </li>
              ))}
            </ul>
          ) : (
            <p className="empty">There is no other.</p>
          )}
        </div>
        <div>
          <h5>{gain === null ? 'Where it holds longest' : 'Where it gains most'}</h5>
          {places.map((place, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the index is the rank
            <TopPlace key={i} place={place} />
          ))}
        </div>
      </div>
    </div>
  );
}

function TopPlace({ place }: { place: Place }) {
  return (
    <div className="place">
      <p>
        <code>{place.prompt}</code>
        <span>
          line {place.from + 1}
          {place.gain === null ? '' : `, ${signed(place.gain)} nats`}
        </span>
      </p>
      <pre>{place.lines.join('\n')}</pre>
    </div>
  );
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
