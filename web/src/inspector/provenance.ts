/** What was in force when an answer was given, read off the ledger. */

import type { Entry } from "../api/types";

/** The edits in force at a revision, oldest first; empty for the untouched model or an unknown revision. */
export function inForceAt(entries: readonly Entry[], revision: string): Entry[] {
  if (revision === "original") return [];
  let force: Entry[] = [];
  for (const entry of entries) {
    force = force.filter((other) => !entry.reverts.includes(other.number));
    if (entry.kind === "edit") force.push(entry);
    if (entry.revision === revision) return force;
  }
  return [];
}
