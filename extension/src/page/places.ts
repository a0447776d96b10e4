/** Where on the page the words of a claim stand, found in stages: at their offsets, as the same phrase, as the same letters, as the
 * block that shares most of its words. Later stages are for pages that changed after their text was sent. */

import type { Drawn } from "./reading";

export type Stage = "offsets" | "phrase" | "letters" | "block";

export interface Place {
  start: number;
  end: number;
  stage: Stage;
}

const LEAST_LETTERS = 4;
const LEAST_SHARED = 0.6;

/** The place of `sent.slice(start, end)` in the text that is drawn now; null where nothing is like it. */
export function placeOf(claim: { start: number; end: number }, sent: string, drawn: Drawn): Place | null {
  const words = sent.slice(claim.start, claim.end);
  if (words.trim() === "") return null;
  if (drawn.text.slice(claim.start, claim.end) === words) return { start: claim.start, end: claim.end, stage: "offsets" };
  const phrase = nearest(drawn.text, words, claim.start);
  if (phrase !== null) return { start: phrase, end: phrase + words.length, stage: "phrase" };
  return byLetters(words, claim.start, drawn.text) ?? byBlock(words, drawn);
}

/** The stretches of text nodes that hold a part of a text: what is no text of it, such as a citation, is not in them. */
export function rangesOf(place: { start: number; end: number }, drawn: Drawn): Range[] {
  const ranges: Range[] = [];
  let last: Range | null = null;
  for (const piece of drawn.pieces) {
    const start = Math.max(place.start, piece.at);
    const end = Math.min(place.end, piece.at + piece.length);
    if (start >= end) continue;
    const to = piece.from + end - piece.at;
    if (last?.endContainer === piece.node) {
      last.setEnd(piece.node, to);
      continue;
    }
    last = document.createRange();
    last.setStart(piece.node, piece.from + start - piece.at);
    last.setEnd(piece.node, to);
    ranges.push(last);
  }
  return ranges;
}

function nearest(text: string, words: string, to: number): number | null {
  let best: number | null = null;
  for (let at = text.indexOf(words); at >= 0; at = text.indexOf(words, at + 1)) {
    if (best === null || Math.abs(at - to) < Math.abs(best - to)) best = at;
  }
  return best;
}

function byLetters(words: string, to: number, text: string): Place | null {
  const wanted = lettersOf(words);
  if (wanted.letters.length < LEAST_LETTERS) return null;
  const there = lettersOf(text);
  const before = there.at.findIndex((at) => at >= to);
  const found = nearest(there.letters, wanted.letters, before < 0 ? there.letters.length : before);
  if (found === null) return null;
  return { start: there.at[found] ?? 0, end: there.until[found + wanted.letters.length - 1] ?? text.length, stage: "letters" };
}

function byBlock(words: string, drawn: Drawn): Place | null {
  const wanted = wordsOf(words);
  let best: Place | null = null;
  let most = LEAST_SHARED;
  for (const [start, end] of drawn.blocks) {
    const there = wordsOf(drawn.text.slice(start, end));
    const shared = [...wanted].filter((word) => there.has(word)).length / wanted.size;
    if (shared >= most && (best === null || shared > most)) [best, most] = [{ start, end, stage: "block" }, shared];
  }
  return best;
}

/** Letters and digits alone, small and without accents, and where each comes from. */
function lettersOf(text: string): { letters: string; at: number[]; until: number[] } {
  let letters = "";
  const at: number[] = [];
  const until: number[] = [];
  let place = 0;
  for (const character of text) {
    const plain = character.normalize("NFKD").toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
    for (let unit = 0; unit < plain.length; unit += 1) {
      at.push(place);
      until.push(place + character.length);
    }
    letters += plain;
    place += character.length;
  }
  return { letters, at, until };
}

function wordsOf(text: string): Set<string> {
  return new Set(text.toLowerCase().match(/[\p{L}\p{N}]+/gu));
}
