/** Claims that stand out on the page. The page's own elements are left alone: the browser draws highlights over ranges of its text. */

import type { Claim } from "../verdicts";
import type { Stage } from "./places";

/** A claim and the text that makes it. */
export interface Mark {
  claim: Claim;
  answer: Element;
  ranges: Range[];
  stage: Stage;
}

const NAMES = ["refuted", "edited"] as const;
const CURRENT = "emendo-current";
const FOUND_BY_WORDS = "The text changed after it was checked: these words are the nearest to those that were.";
const NOT_FOUND = "These words are not on the page as it is now.";

/** Whether a claim is shown in the text: refuted, or taught by an edit. */
export function standsOut(claim: Claim): boolean {
  return claim.verdict === "refuted" || claim.entry !== null;
}

/** What has to be said of how a claim was found on the page. */
export function noteOf(mark: Mark | null): string {
  if (!mark) return NOT_FOUND;
  return mark.stage === "block" ? FOUND_BY_WORDS : "";
}

export class Marks {
  #marks: Mark[] = [];

  get all(): readonly Mark[] {
    return this.#marks;
  }

  /** Draws these, and no others. */
  draw(marks: Mark[]): void {
    this.#marks = marks;
    for (const name of NAMES) {
      const mine = marks.filter((mark) => (mark.claim.verdict === "refuted" ? "refuted" : "edited") === name);
      setHighlight(`emendo-${name}`, mine.flatMap((mark) => mark.ranges));
    }
  }

  /** Makes one stand out from the others; null none. */
  point(mark: Mark | null): void {
    setHighlight(CURRENT, mark?.ranges ?? []);
  }

  /** The mark under a point of the window, where nothing of the page lies over it. */
  at(x: number, y: number, over: EventTarget | null): Mark | null {
    const touches = (box: DOMRect) => box.left <= x && x <= box.right && box.top <= y && y <= box.bottom;
    return (
      this.#marks.find(
        (mark) =>
          over instanceof Node &&
          mark.answer.contains(over) &&
          mark.ranges.some((range) => [...range.getClientRects()].some(touches)),
      ) ?? null
    );
  }
}

function setHighlight(name: string, ranges: Range[]): void {
  if (ranges.length) CSS.highlights.set(name, new Highlight(...ranges));
  else CSS.highlights.delete(name);
}
