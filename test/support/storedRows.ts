// What releases left in a browser's storage, frozen. Never changed: a later version of rows, of the database or of the log gets a fixture of its own.
import { LINK_BASE_V1 } from '../../src/share/linkBase.ts';

/** A row as the first release with an index wrote it. */
export const FIRST_ROW = {
  version: 1,
  id: '20261126-000000-a1b2c3',
  name: 'tiny',
  origin: 'run',
  status: 'running',
  startedAt: '2026-11-26T00:00:00.000Z',
  recipe: LINK_BASE_V1,
  tone: 3,
  scores: [{ arm: 'ra3', kind: 'pass@1', value: 0.5 }],
};

/** Where that release kept its rows. */
export const FIRST_DATABASE = { name: 'ra3-lab-runs', version: 1, table: 'runs', keyPath: 'id' };

/** A log of two records as it wrote them, in the run's folder. */
export const FIRST_LOG_PATH = ['runs', FIRST_ROW.id, 'log'];
export const FIRST_LOG = `#0000004b 93373cd0
{"type":"notice","level":"info","message":"As the first release kept it."}
#00000055 973c1628
{"type":"metrics","stage":"rlvr","arm":"ra3","step":1,"values":{"reward/mean":0.25}}
`;
