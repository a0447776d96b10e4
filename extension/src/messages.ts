/** What the page's script, the service worker and the popup say to one another. The token is in none of it. */

import type { Pair } from "./pair";
import type { Claim, Result } from "./verdicts";

/** What a page's script is told: whether it works there, and how. */
export interface Orders {
  isOn: boolean;
  isManual: boolean;
  site: ConfiguredSite | null;
}

/** A site that a user described, in CSS selectors; all but the answer's may be empty. */
export interface ConfiguredSite {
  origin: string;
  answer: string;
  question: string;
  writing: string;
  /** The model of the server that answers there: its edits are told of. */
  model: string;
}

/** How the answers of a tab stand. */
export interface Tally {
  refuted: number;
  isChecking: boolean;
  hasFailed: boolean;
}

export type ToWorker = { kind: "orders" } | { kind: "known"; pair: Pair } | { kind: "tally"; tally: Tally };

/** What the worker answers; null where the extension was updated or removed since the page was loaded. */
export async function askWorker<Answer>(message: ToWorker): Promise<Answer | null> {
  try {
    return await chrome.runtime.sendMessage<ToWorker, Answer>(message);
  } catch {
    return null;
  }
}

/** Over a port: the page sends one pair, the worker answers with claims and one end. */
export type CheckEvent = { kind: "claim"; claim: Claim } | { kind: "done"; result: Result } | { kind: "failed"; why: string };

export type ToPage = { kind: "orders-changed" | "check-all" | "state" };

/** What the popup shows of a page. */
export interface PageState {
  origin: string;
  answers: number;
  unchecked: number;
}
