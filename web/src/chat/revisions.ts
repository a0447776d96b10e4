/** How revisions are called on the page. */

import type { Answer, Entry, RevisionName } from "../api/types";

/** The name over an answer. */
export function answerName(answer: Pick<Answer, "revision" | "revision_name">): string {
  if (answer.revision_name === "original" || (answer.revision === "original" && answer.revision_name !== "current")) return "Original";
  return "Edited";
}

/** The suffix of the model's pill. */
export function pillName(panes: 1 | 2, revision: RevisionName): string {
  const name = revision === "current" || (panes === 2 && revision === "original") ? "edited" : revision === "original" ? "original" : `edited, as of ${revision}`;
  return panes === 2 ? `original | ${name}` : name;
}

/** One place in the ledger's time: a revision and the entry that made it. */
export interface Moment {
  revision: RevisionName;
  label: string;
  note: string;
}

/** Every revision that the ledger has been at, newest first, the untouched model last. */
export function moments(entries: readonly Entry[]): Moment[] {
  const made = entries.map((entry) => ({ revision: entry.revision, label: `#${entry.number}`, note: describe(entry) }));
  const all: Moment[] = [...made.reverse(), { revision: "original", label: "Original", note: "before any edit" }];
  return all.filter((moment, index) => all.findIndex((other) => other.revision === moment.revision) === index);
}

/** An entry in a few words. */
export function describe(entry: Entry): string {
  if (entry.kind === "revert") return `took back ${entry.reverts.map((number) => `#${number}`).join(", ")}`;
  const [first, ...rest] = entry.requests;
  if (!first) return entry.why;
  return `${first.subject} → ${first.target_new}${rest.length ? ` and ${rest.length} more` : ""}`;
}

/** The sentence of a request, its subject in place. */
export function sentenceOf(request: { prompt: string; subject: string }): string {
  return request.prompt.replace("{}", request.subject);
}
