/** Stretches of an answer that stand out, and how a piece of text falls apart at their borders. */

import type { Claim } from "../api/types";

export interface Mark {
  start: number;
  end: number;
  kind: "differs" | "token" | "claim";
  claim?: Claim;
  index?: number;
}

export interface Segment {
  text: string;
  at: number;
  marks: Mark[];
  /** Claims whose last character is the last of this segment: their badges stand behind it. */
  ends: Mark[];
}

/** The pieces of a text that starts at a place of the source, cut at the borders of the marks. */
export function segments(text: string, at: number, marks: readonly Mark[]): Segment[] {
  const end = at + text.length;
  const here = marks.filter((mark) => mark.start < end && mark.end > at);
  if (!here.length) return [{ text, at, marks: [], ends: [] }];
  const inner = here.flatMap((mark) => [mark.start, mark.end]).filter((border) => border > at && border < end);
  const borders = [...new Set([at, ...inner, end])].sort((a, b) => a - b);
  return borders.slice(0, -1).map((start, index) => {
    const stop = borders[index + 1] ?? end;
    return {
      text: text.slice(start - at, stop - at),
      at: start,
      marks: here.filter((mark) => mark.start < stop && mark.end > start),
      ends: here.filter((mark) => mark.kind === "claim" && mark.end === stop),
    };
  });
}

/** The place in the source of a point of the drawn text; null outside of an answer. */
export function placeOf(node: Node, offset: number): number | null {
  const element = node instanceof Element ? node : node.parentElement;
  const owner = element?.closest("[data-at]");
  if (!owner) return null;
  const range = document.createRange();
  range.setStart(owner, 0);
  range.setEnd(node, offset);
  return Number(owner.getAttribute("data-at")) + range.toString().length;
}
