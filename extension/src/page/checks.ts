/** The checks of a tab, one at a time. The same question and answer are checked once, and a check that failed is told as such. */

import { askWorker, type CheckEvent } from "../messages";
import { keyOf, type Pair } from "../pair";
import type { Claim, Result } from "../verdicts";

export type Standing =
  | { kind: "recalling" }
  | { kind: "unchecked" }
  | { kind: "waiting" }
  | { kind: "checking"; claims: Claim[] }
  | { kind: "done"; result: Result }
  | { kind: "failed"; why: string; claims: Claim[] };

export class Checks {
  readonly #standings = new Map<string, Standing>();
  readonly #queue: Pair[] = [];
  #isBusy = false;
  #isStopped = false;
  #port: chrome.runtime.Port | null = null;

  constructor(private readonly onChange: () => void) {}

  /** Ends the check that runs, and those that wait; nothing is told any more. */
  stop(): void {
    this.#isStopped = true;
    this.#queue.length = 0;
    this.#port?.disconnect();
  }

  /** How a pair stands; null if it was never heard of. */
  of(pair: Pair): Standing | null {
    return this.#standings.get(keyOf(pair)) ?? null;
  }

  /** Asks whether the pair was checked before, here or in another tab. */
  async recall(pair: Pair): Promise<void> {
    this.#set(pair, { kind: "recalling" });
    const result = await askWorker<Result>({ kind: "known", pair });
    if (this.of(pair)?.kind === "recalling") this.#set(pair, result ? { kind: "done", result } : { kind: "unchecked" });
  }

  /** Checks a pair when its turn comes. */
  ask(pair: Pair): void {
    const kind = this.of(pair)?.kind;
    if (kind === "waiting" || kind === "checking") return;
    this.#queue.push(pair);
    this.#set(pair, { kind: "waiting" });
    void this.#work();
  }

  async #work(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (let pair = this.#queue.shift(); pair; pair = this.#queue.shift()) await this.#check(pair);
    this.#isBusy = false;
  }

  #check(pair: Pair): Promise<void> {
    const claims: Claim[] = [];
    this.#set(pair, { kind: "checking", claims });
    return new Promise((finished) => {
      const end = (standing: Standing) => {
        this.#set(pair, standing);
        finished();
      };
      try {
        const port = chrome.runtime.connect();
        this.#port = port;
        port.onMessage.addListener((event: CheckEvent) => {
          if (event.kind === "claim") {
            claims.push(event.claim);
            this.#set(pair, { kind: "checking", claims: [...claims] });
            return;
          }
          port.disconnect();
          end(event.kind === "done" ? { kind: "done", result: event.result } : { ...event, claims });
        });
        port.onDisconnect.addListener(() => end({ kind: "failed", why: "The extension was stopped in the middle.", claims }));
        port.postMessage(pair);
      } catch {
        end({ kind: "failed", why: "The extension was updated or removed; reload the page.", claims });
      }
    });
  }

  #set(pair: Pair, standing: Standing): void {
    this.#standings.set(keyOf(pair), standing);
    if (!this.#isStopped) this.onChange();
  }
}
