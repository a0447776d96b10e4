import { describe, expect, it } from "vitest";
import { type Mark, segments } from "./marks";

const mark = (start: number, end: number): Mark => ({ start, end, kind: "token" });

describe("pieces between marks", () => {
  it("put together are the text", () => {
    for (const marks of [[], [mark(0, 3)], [mark(12, 15), mark(13, 30)], [mark(5, 25), mark(11, 12), mark(14, 14)]]) {
      expect(segments("some words", 10, marks).map((piece) => piece.text).join("")).toBe("some words");
    }
  });

  it("know their place and their marks", () => {
    const pieces = segments("some words", 10, [mark(12, 15), mark(13, 30)]);
    expect(pieces.map(({ text, at, marks }) => [text, at, marks.length])).toEqual([["so", 10, 0], ["m", 12, 1], ["e ", 13, 2], ["words", 15, 1]]);
  });
});
