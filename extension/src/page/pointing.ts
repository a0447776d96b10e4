/** The card that follows the pointer over what stands out. */

import type { Card } from "./card";
import { type Marks, noteOf } from "./marks";

const GRACE = 250;

export class Pointing {
  #frame = 0;
  #leaving: ReturnType<typeof setTimeout> | undefined;
  readonly #ended = new AbortController();

  constructor(
    private readonly marks: Marks,
    private readonly card: Card,
  ) {}

  start(): void {
    const options = { signal: this.#ended.signal, capture: true, passive: true };
    for (const kind of ["pointermove", "pointerdown"] as const) document.addEventListener(kind, (event) => this.#moved(event), options);
    document.addEventListener("scroll", () => this.#leave(), options);
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.card.close(), options);
  }

  stop(): void {
    this.#ended.abort();
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#leaving);
  }

  /** The marks were drawn anew: a card whose claim is gone goes too. */
  renew(): void {
    const { claim } = this.card;
    if (claim && !this.card.isHeld && !this.marks.all.some((mark) => mark.claim === claim)) this.#leave();
  }

  #moved(event: PointerEvent): void {
    // In an event that is over, the target is gone.
    const { clientX, clientY, target } = event;
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => {
      if (this.card.isHeld) return;
      const mark = this.marks.at(clientX, clientY, target);
      if (!mark && !this.card.holds(target)) {
        if (this.card.claim) this.#leaving ??= setTimeout(() => this.#leave(), GRACE);
        return;
      }
      clearTimeout(this.#leaving);
      this.#leaving = undefined;
      if (!mark || mark.claim === this.card.claim) return;
      const boxes = mark.ranges.flatMap((range) => [...range.getClientRects()]);
      const box = boxes.find(({ top, bottom }) => top <= clientY && clientY <= bottom) ?? boxes[0];
      if (!box) return;
      this.marks.point(mark);
      this.card.open(mark.claim, box, mark.answer, noteOf(mark));
    });
  }

  #leave(): void {
    clearTimeout(this.#leaving);
    this.#leaving = undefined;
    if (!this.card.claim || this.card.isHeld) return;
    this.marks.point(null);
    this.card.close();
  }
}
