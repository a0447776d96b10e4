/** The card of a claim: verdict, what is right, why, the passages with source and date, how sure it is. Follows the pointer over marks;
 * from the keyboard it is opened out of the list under an answer, takes the focus, and gives it back. */

import { type Claim, type Passage, VERDICTS } from "../verdicts";
import { button, element, hosted, matchTheme } from "./elements";

const MOST_PASSAGES = 3;
const EDGE = 8;

export class Card {
  readonly #host: HTMLElement;
  readonly #inside: ShadowRoot;
  #claim: Claim | null = null;
  #onClose: (() => void) | null = null;

  constructor() {
    const { host, inside } = hosted("emendo-overlay");
    this.#host = host;
    this.#inside = inside;
    host.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
  }

  get claim(): Claim | null {
    return this.#claim;
  }

  /** Whether it was opened to stay until it is closed. */
  get isHeld(): boolean {
    return this.#onClose !== null;
  }

  holds(target: EventTarget | null): boolean {
    return target === this.#host;
  }

  /** Shows a claim beside a box; with `onClose` the card takes the focus and stays. */
  open(claim: Claim, beside: DOMRect, behind: Element, note: string, onClose: (() => void) | null = null): void {
    this.close();
    this.#claim = claim;
    this.#onClose = onClose;
    const card = element("div", "card", ...this.#content(claim, note));
    card.setAttribute("role", "dialog");
    card.setAttribute("aria-label", `Claim: ${claim.quote}`);
    card.tabIndex = -1;
    this.#inside.replaceChildren(card);
    document.documentElement.append(this.#host);
    matchTheme(this.#host, behind);
    const { width, height } = card.getBoundingClientRect();
    const below = beside.bottom + EDGE + height <= innerHeight - EDGE;
    card.style.left = `${Math.max(EDGE, Math.min(beside.left, innerWidth - width - EDGE))}px`;
    card.style.top = `${Math.max(EDGE, below ? beside.bottom + EDGE : beside.top - height - EDGE)}px`;
    if (onClose) card.focus();
  }

  close(): void {
    const onClose = this.#onClose;
    this.#claim = this.#onClose = null;
    this.#host.remove();
    onClose?.();
  }

  #content(claim: Claim, note: string): Node[] {
    const top = element("div", "top", sign(claim));
    if (claim.confidence !== null) top.append(element("span", "soft", `${Math.round(claim.confidence * 100)} % sure`));
    const close = button("close", "×", () => this.close());
    close.setAttribute("aria-label", "Close");
    top.append(close);
    const parts: Node[] = [top];
    if (claim.correction) parts.push(element("p", "right", claim.correction));
    if (claim.entry !== null) {
      parts.push(element("p", "why", `The model was edited on purpose to say so: entry ${claim.entry} of the ledger.`));
    }
    if (claim.why) parts.push(element("p", "why", claim.why));
    for (const passage of claim.passages.slice(0, MOST_PASSAGES)) parts.push(...quoted(passage));
    const more = claim.passages.length - MOST_PASSAGES;
    if (more > 0) parts.push(element("p", "source", `and ${more} more`));
    if (note) parts.push(element("p", "why soft", note));
    return parts;
  }
}

/** The verdict of a claim as a small sign, with its name. */
export function sign(claim: Claim): HTMLElement {
  const { sign: character, name } = VERDICTS[claim.verdict];
  const look = claim.entry !== null && claim.verdict !== "refuted" ? "edited" : claim.verdict;
  return element("span", `sign ${look}`, `${character} ${name}${claim.entry !== null ? " · edited on purpose" : ""}`);
}

function quoted(passage: Passage): Node[] {
  const from = [passage.source, passage.locator, passage.date && `as of ${passage.date}`].filter(Boolean).join(" · ");
  return [element("blockquote", "", passage.text), element("p", "source", from || "source not named")];
}
