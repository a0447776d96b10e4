/** Which answers are on the page, and which of them are finished.
 *
 * An answer is finished once the site no longer says that it is being written and its text has stayed the same for a while. Of many
 * changes at a time only the last is looked at.
 */

import { type Adapter, turnsOf } from "../adapter";
import type { Pair } from "../pair";
import { type Drawn, OWN, read } from "./reading";

const PAUSE = 300;

/** An answer as it was seen last. */
export interface Seen {
  answer: Element;
  drawn: Drawn;
  pair: Pair;
  isFinished: boolean;
  /** It stood there before, rather than being written while we looked on. */
  isOld: boolean;
}

interface State extends Seen {
  changedAt: number;
}

export class Watcher {
  #seen = new Map<Element, State>();
  readonly #dirty = new Set<Element>();
  #path = "";
  #startedAt = 0;
  /** The conversation that was opened stands there in whole. */
  #isOpened = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #observer = new MutationObserver((records) => this.#mutated(records));

  constructor(
    private readonly adapter: Adapter,
    private readonly model: string | null,
    private readonly onScan: (seen: Seen[]) => void,
  ) {}

  start(): void {
    const options = { childList: true, characterData: true, subtree: true, attributes: true };
    this.#observer.observe(document.documentElement, options);
    this.#schedule();
  }

  stop(): void {
    this.#observer.disconnect();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Looks at the page; `now` in milliseconds. */
  scan(now: number): Seen[] {
    if (location.pathname !== this.#path) {
      this.#path = location.pathname;
      this.#startedAt = now;
      this.#isOpened = false;
    }
    const turns = turnsOf(this.adapter, document);
    const newcomers = turns.filter((turn) => !this.#seen.has(turn.answer)).length;
    const next = new Map<Element, State>();
    for (const { answer, question, isWriting } of turns) {
      const before = this.#seen.get(answer);
      const drawn = before && !this.#dirty.has(answer) ? before.drawn : read(answer, this.adapter.ignored);
      const asked = question ? read(question, "").text : "";
      const isSame = before?.pair.answer === drawn.text && before.pair.question === asked;
      const isAnswerSame = before === undefined || before.pair.answer === drawn.text;
      const changedAt = isSame ? before.changedAt : now;
      const isOld = (before?.isOld ?? (!this.#isOpened || newcomers > 1)) && isAnswerSame && !isWriting;
      const isFinished = !isWriting && drawn.text !== "" && now - changedAt >= this.adapter.settle;
      const pair = isSame ? before.pair : { question: asked, answer: drawn.text, model: this.model };
      next.set(answer, { answer, drawn, pair, changedAt, isFinished, isOld });
    }
    this.#seen = next;
    this.#dirty.clear();
    const seen = [...next.values()];
    const areFinished = seen.every((one) => one.isFinished || one.pair.answer === "");
    if (areFinished && seen.length > 0 && now - this.#startedAt >= this.adapter.settle) this.#isOpened = true;
    return seen;
  }

  #mutated(records: MutationRecord[]): void {
    let hasChanged = false;
    for (const record of records) {
      const target = record.target instanceof Element ? record.target : record.target.parentElement;
      if (!target || target.closest(OWN)) continue;
      if (isOwn(record)) {
        // Where the page threw ours away it is put back.
        hasChanged ||= record.removedNodes.length > 0;
        continue;
      }
      hasChanged = true;
      const answer = target.closest(this.adapter.answer);
      // An answer within an answer is read with the outer one.
      for (let at = answer; at; at = at.parentElement?.closest(this.adapter.answer) ?? null) this.#dirty.add(at);
    }
    if (hasChanged) this.#schedule();
  }

  #schedule(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const seen = this.scan(performance.now());
      this.onScan(seen);
      if (seen.some((one) => !one.isFinished && one.pair.answer !== "")) this.#schedule();
    }, PAUSE);
  }
}

/** Whether a change is but our own element coming or going. */
function isOwn(record: MutationRecord): boolean {
  const nodes = [...record.addedNodes, ...record.removedNodes];
  return record.type === "childList" && nodes.every((node) => node instanceof Element && node.matches(OWN));
}
