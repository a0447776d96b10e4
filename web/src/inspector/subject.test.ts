import { describe, expect, it } from "vitest";
import { charactersOf, isTouched } from "./subject";

const TEXT = "The capital of New York is";
const TOKENS = [[0, 3], [3, 11], [11, 14], [14, 18], [18, 23], [23, 26]].map(([start, end], id) => ({ id, text: TEXT.slice(start, end), start: start ?? 0, end: end ?? 0 }));

describe("a subject picked among tokens", () => {
  it("is the words without the space before them, in either direction", () => {
    for (const [first, last] of [[3, 4], [4, 3]] as const) {
      const range = charactersOf(TEXT, TOKENS, first, last);
      expect(range && TEXT.slice(...range)).toBe("New York");
    }
  });

  it("shows on exactly its tokens", () => {
    const range = charactersOf(TEXT, TOKENS, 3, 4);
    expect(TOKENS.filter((token) => isTouched(token, range)).map((token) => token.id)).toEqual([3, 4]);
    expect(TOKENS.some((token) => isTouched(token, null))).toBe(false);
  });
});
