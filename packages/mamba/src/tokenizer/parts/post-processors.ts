import { isObject } from '../../checkpoint/json.ts';
import { invalid, nameOf, partsOf, textOf, unsupported } from './part.ts';
import type { Part } from './part.ts';

/** Ids that are put around those of a text. */
export interface Around {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

const nothing: Around = { before: [], after: [] };

const makers: Readonly<Record<string, (part: Part) => Around>> = {
  // It is about where in the text a token stands.
  ByteLevel: () => nothing,
  BertProcessing: classified,
  RobertaProcessing: classified,
  TemplateProcessing: template,
  Sequence: (part) => {
    const adding = partsOf(part, 'processors')
      .map(postProcessor)
      .filter(({ before, after }) => before.length + after.length > 0);
    if (adding.length > 1) throw unsupported(nameOf(part), 'more than one of its processors adds tokens');
    return adding[0] ?? nothing;
  },
};

/** @throws SsError `tokenizer-unsupported`, `tokenizer-invalid` */
export function postProcessor(part: Part): Around {
  const make = makers[textOf(part, 'type')];
  if (make) return make(part);
  throw invalid(`it has a post-processor of the unknown type ${textOf(part, 'type')}`);
}

/** `cls` and `sep` are pairs of a token and its id. */
function classified(part: Part): Around {
  const id = (field: string): number => {
    const pair = part[field];
    if (Array.isArray(pair) && Number.isSafeInteger(pair[1])) return pair[1] as number;
    throw invalid(`${nameOf(part)} has no token and id in ${field}`);
  };
  return { before: [id('cls')], after: [id('sep')] };
}

/** The template of a single text: special tokens by name, and in one place the text. */
function template(part: Part): Around {
  const special = part['special_tokens'];
  const pieces = partsOf(part, 'single');
  const idsOf = (piece: Part): number[] => {
    const token = piece['SpecialToken'];
    const name = isObject(token) ? token['id'] : undefined;
    const entry = isObject(special) && typeof name === 'string' ? special[name] : undefined;
    const ids = isObject(entry) ? entry['ids'] : undefined;
    if (Array.isArray(ids) && ids.every((id) => Number.isSafeInteger(id))) return ids as number[];
    throw invalid(`${nameOf(part)} has no ids for ${JSON.stringify(name ?? piece)}`);
  };
  const isText = (piece: Part): boolean => isObject(piece) && isObject(piece['Sequence']);
  const at = pieces.findIndex(isText);
  if (pieces.filter(isText).length !== 1)
    throw unsupported(nameOf(part), 'its template does not have the text once');
  if ((pieces[at]!['Sequence'] as Part)['id'] !== 'A')
    throw unsupported(nameOf(part), 'its template for one text has the second of two');
  return { before: pieces.slice(0, at).flatMap(idsOf), after: pieces.slice(at + 1).flatMap(idsOf) };
}
