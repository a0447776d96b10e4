/** From answers that were seen to what is shown of them: recall what was checked before, check what is new, ask about what is old, draw. */

import type { Adapter } from "../adapter";
import { askWorker, type Tally } from "../messages";
import type { Pair } from "../pair";
import type { Claim } from "../verdicts";
import { Badge, claimsOf } from "./badge";
import { Card } from "./card";
import { Checks, type Standing } from "./checks";
import { History, HistoryQuestion } from "./history";
import { type Mark, Marks, noteOf, standsOut } from "./marks";
import { placeOf, rangesOf } from "./places";
import { Pointing } from "./pointing";
import { type Seen, Watcher } from "./watcher";

const PAUSE = 80;

/** What is shown of an answer, and the text that it is about. */
interface Shown {
  standing: Standing;
  pair: Pair;
}

export class Work {
  #seen: Seen[] = [];
  readonly #badges = new Map<Element, Badge>();
  readonly #shown = new Map<Element, Shown>();
  readonly #checks = new Checks(() => this.#considerSoon());
  readonly #marks = new Marks();
  readonly #card = new Card();
  readonly #pointing = new Pointing(this.#marks, this.#card);
  readonly #history = new History();
  readonly #question = new HistoryQuestion((choice) => {
    this.#history.choose(choice);
    this.#consider();
  });
  readonly #watcher: Watcher;
  #told = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    adapter: Adapter,
    model: string | null,
    private readonly isManual: boolean,
  ) {
    this.#watcher = new Watcher(adapter, model, (seen) => {
      this.#seen = seen;
      this.#consider();
    });
  }

  start(): void {
    this.#watcher.start();
    this.#pointing.start();
  }

  /** Leaves the page as it was. */
  stop(): void {
    this.#watcher.stop();
    this.#checks.stop();
    clearTimeout(this.#timer);
    this.#pointing.stop();
    this.#seen = [];
    for (const badge of this.#badges.values()) badge.host.remove();
    this.#badges.clear();
    this.#question.close();
    this.#card.close();
    this.#marks.draw([]);
    this.#tell({ refuted: 0, isChecking: false, hasFailed: false });
  }

  get answers(): number {
    return this.#seen.length;
  }

  get unchecked(): number {
    return this.#finished("unchecked", "failed").length;
  }

  /** Checks every finished answer that was not, or could not be. */
  checkAll(): void {
    for (const { pair } of this.#finished("unchecked", "failed")) this.#checks.ask(pair);
  }

  #finished(...kinds: Standing["kind"][]): Seen[] {
    return this.#seen.filter(({ isFinished, pair }) => isFinished && kinds.includes(this.#checks.of(pair)?.kind ?? "recalling"));
  }

  /** Claims come fast: what they change is drawn a few times a second. */
  #considerSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#consider();
    }, PAUSE);
  }

  #consider(): void {
    for (const { pair, isFinished } of this.#seen) {
      if (isFinished && this.#checks.of(pair) === null) void this.#checks.recall(pair);
    }
    if (!this.isManual) this.#checkUnasked();
    this.#draw();
  }

  #checkUnasked(): void {
    for (const seen of this.#finished("unchecked")) if (!seen.isOld) this.#checks.ask(seen.pair);
    const isSettled = this.#seen.every((seen) => seen.isFinished || seen.pair.answer === "");
    const isRecalling = this.#seen.some((seen) => this.#checks.of(seen.pair)?.kind === "recalling");
    if (!isSettled || isRecalling) return;
    const old = this.#finished("unchecked");
    const decision = old.length ? this.#history.decide(location.pathname, old.length) : "leave";
    if (decision === "ask") this.#question.open(old.length);
    else this.#question.close();
    if (decision === "check") for (const { pair } of old) this.#checks.ask(pair);
  }

  #draw(): void {
    const marks: Mark[] = [];
    const there = new Set(this.#seen.map((seen) => seen.answer));
    for (const [answer, badge] of this.#badges) {
      if (there.has(answer)) continue;
      badge.host.remove();
      this.#badges.delete(answer);
      this.#shown.delete(answer);
    }
    for (const seen of this.#seen) {
      const shown = this.#standingOf(seen);
      if (!shown) continue;
      this.#shown.set(seen.answer, shown);
      this.#badgeOf(seen).show(shown.standing, shown.pair !== seen.pair);
      for (const claim of claimsOf(shown.standing)) {
        const mark = standsOut(claim) ? this.#markOf(claim, seen, shown.pair) : null;
        if (mark) marks.push(mark);
      }
    }
    this.#marks.draw(marks);
    this.#pointing.renew();
    const standings = this.#seen.map((seen) => this.#checks.of(seen.pair));
    this.#tell({
      refuted: standings.flatMap((standing) => (standing ? claimsOf(standing) : [])).filter((claim) => claim.verdict === "refuted").length,
      isChecking: standings.some((standing) => standing?.kind === "checking" || standing?.kind === "waiting"),
      hasFailed: standings.some((standing) => standing?.kind === "failed"),
    });
  }

  /** What to show: of an answer that changed after it was checked the old verdicts, marked as such, until there are new ones. */
  #standingOf(seen: Seen): Shown | null {
    const now = this.#checks.of(seen.pair);
    const before = this.#shown.get(seen.answer);
    if (now && claimsOf(now).length) return { standing: now, pair: seen.pair };
    if (before && before.standing.kind === "done" && before.pair !== seen.pair && !isEnd(now)) return before;
    return now ? { standing: now, pair: seen.pair } : null;
  }

  #badgeOf(seen: Seen): Badge {
    const { answer } = seen;
    let badge = this.#badges.get(answer);
    if (!badge) {
      const current = () => this.#seen.find((one) => one.answer === answer);
      badge = new Badge({
        onCheck: () => {
          const now = current();
          if (now) this.#checks.ask(now.pair);
        },
        onClaim: (claim, from) => {
          const now = current();
          if (now) this.#openCard(claim, now, from);
        },
      });
      this.#badges.set(answer, badge);
    }
    badge.stay(answer);
    return badge;
  }

  #markOf(claim: Claim, seen: Seen, pair: Pair): Mark | null {
    try {
      const place = placeOf(claim, pair.answer, seen.drawn);
      const ranges = place ? rangesOf(place, seen.drawn) : [];
      return place && ranges.length ? { claim, answer: seen.answer, ranges, stage: place.stage } : null;
    } catch (error) {
      // The page changed since it was read; it is read again in a moment.
      if (error instanceof DOMException) return null;
      throw error;
    }
  }

  #openCard(claim: Claim, seen: Seen, from: HTMLElement): void {
    const mark = this.#markOf(claim, seen, this.#shown.get(seen.answer)?.pair ?? seen.pair);
    mark?.ranges[0]?.startContainer.parentElement?.scrollIntoView({ block: "center" });
    const beside = (mark?.ranges.at(-1) ?? from).getBoundingClientRect();
    this.#marks.point(mark);
    this.#card.open(claim, beside, seen.answer, noteOf(mark), () => {
      this.#marks.point(null);
      from.focus();
    });
  }

  #tell(tally: Tally): void {
    const told = JSON.stringify(tally);
    if (told === this.#told) return;
    this.#told = told;
    void askWorker({ kind: "tally", tally });
  }
}

function isEnd(standing: Standing | null): boolean {
  return standing?.kind === "done" || standing?.kind === "failed";
}
