/** Which characters a range of tokens covers, and which tokens a range of characters touches. */

import type { PlainToken } from "../api/types";

/** The characters of some tokens, spaces at the borders left out; null where nothing is left. */
export function charactersOf(text: string, tokens: readonly PlainToken[], first: number, last: number): [number, number] | null {
  const [from, to] = [Math.min(first, last), Math.max(first, last)];
  let start = tokens[from]?.start ?? 0;
  let end = tokens[to]?.end ?? 0;
  while (start < end && /\s/.test(text[start] ?? "")) start++;
  while (end > start && /\s/.test(text[end - 1] ?? "")) end--;
  return start < end ? [start, end] : null;
}

/** Whether a token shares a character, other than a space, with the range. */
export function isTouched(token: PlainToken, range: readonly [number, number] | null): boolean {
  if (!range) return false;
  const lead = token.text.length - token.text.trimStart().length;
  return Math.min(token.start + lead, token.end - 1) < range[1] && token.end > range[0];
}
