// Arguments of HumanEval+ and MBPP+ as Python source. JSON has neither tuples nor sets nor complex numbers, so EvalPlus turns the inputs of some MBPP+
// tasks back into them by task number (evalplus/data/mbpp.py, mbpp_deserialize_inputs); the same is done here.
// Refuses (FormatError) inputs that do not have the shape that their task's conversion expects.
import { type ExactJson, JsonNumber, pythonString, toPython } from '../formats/exactJson.ts';
import { FormatError } from '../formats/formatError.ts';

/** One call's arguments. */
export interface EvalInput {
  /** As in the file; what a result file names when the call failed. */
  json: ExactJson[];
  /** Python expressions, separated by commas: what stands between the parentheses of the call. */
  source: string;
}

type Argument = (value: ExactJson) => string;

const TUPLES = [2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424, 429, 470, 560, 579, 596, 616, 630, 726, 740, 744, 809];
const LISTS_OF_TUPLES = [63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780];
const FIRST_LIST_OF_TUPLES = [75, 413, 444, 753];
const SECOND_TUPLE = [106, 750];
const FIRST_TUPLE = [250, 307, 405, 446, 617, 720, 763, 808];
const TUPLES_OF_TUPLES = [259, 401, 445];
const DEEP_TUPLES = [580, 615, 791];

export function humanEvalInput(json: ExactJson): EvalInput {
  const values = items(json);
  return { json: values, source: values.map(toPython).join(', ') };
}

export function mbppInput(taskNumber: number, json: ExactJson): EvalInput {
  const values = items(json);
  const converters = argumentsOf(taskNumber);
  return { json: values, source: values.map((value, i) => (converters[i] ?? converters.at(-1) ?? toPython)(value)).join(', ') };
}

/** How each argument is written; the last one serves for all further ones. */
function argumentsOf(task: number): Argument[] {
  if (TUPLES.includes(task)) return [tuple(toPython)];
  if (LISTS_OF_TUPLES.includes(task)) return [listOf(tuple(toPython))];
  if (FIRST_LIST_OF_TUPLES.includes(task)) return [listOf(tuple(toPython)), toPython];
  if (SECOND_TUPLE.includes(task)) return [toPython, tuple(toPython), toPython];
  if (FIRST_TUPLE.includes(task)) return [tuple(toPython), toPython];
  if (TUPLES_OF_TUPLES.includes(task)) return [tuple(tuple(toPython))];
  if (DEEP_TUPLES.includes(task)) return [deepTuple];
  switch (task) {
    case 115:
      return [listOf((value) => (Array.isArray(value) && value.length > 0 ? `{${value.map(toPython).join(', ')}}` : '{}'))];
    case 124:
      return [floatSource, complexSource];
    case 252:
      return [complexSource];
    case 278:
      return [tuple((value) => (Array.isArray(value) ? tuple(toPython)(value) : toPython(value)))];
    case 722:
      return [tuplesByKey, toPython];
    default:
      return [toPython];
  }
}

/** What iterating the value gives in Python. */
function items(value: ExactJson): ExactJson[] {
  if (Array.isArray(value)) return value;
  if (typeof value === 'string') return [...value];
  if (value instanceof Map) return [...value.keys()];
  throw new FormatError(`an input is ${toPython(value).slice(0, 40)} where a list is expected`);
}

const written = (parts: string[]): string => (parts.length === 1 ? `(${parts[0]},)` : `(${parts.join(', ')})`);
const tuple =
  (item: Argument): Argument =>
  (value) =>
    written(items(value).map(item));
const listOf =
  (item: Argument): Argument =>
  (value) =>
    `[${items(value).map(item).join(', ')}]`;
const deepTuple: Argument = (value) => (Array.isArray(value) ? written(value.map(deepTuple)) : toPython(value));

const tuplesByKey: Argument = (value) => {
  if (!(value instanceof Map)) throw new FormatError('an input is no object where one is expected');
  return `{${[...value].map(([key, item]) => `${pythonString(key)}: ${tuple(toPython)(item)}`).join(', ')}}`;
};

/** float(x) of a number or of a text. */
const floatSource: Argument = (value) => {
  const text = value instanceof JsonNumber ? value.text : value;
  if (typeof text !== 'string' || !/^\s*[+-]?(\d[\d_]*\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/.test(text))
    throw new FormatError(`an input is ${toPython(value).slice(0, 40)} where a number is expected`);
  const digits = text.trim().replace(/^\+/, '');
  return /[.eE]/.test(digits) ? digits : `${digits}.0`;
};

/** complex(x) of a number or of a text such as "(1+2j)"; the constructor itself is called, for its signs of zero are its own. */
const complexSource: Argument = (value) => {
  if (value instanceof JsonNumber) return `complex(${value.text})`;
  if (typeof value === 'string' && /^[\s()\d.eE+\-jJ]*$/.test(value)) return `complex(${pythonString(value)})`;
  throw new FormatError(`an input is ${toPython(value).slice(0, 40)} where a complex number is expected`);
};
