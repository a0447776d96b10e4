/** Conversations under the day that they were last used. */

import type { ConversationSummary } from "../api/types";

const DAY = 86_400_000;

export interface Group {
  label: string;
  conversations: ConversationSummary[];
}

/** Groups from today back to older days, empty ones left out. */
export function groupByAge(conversations: readonly ConversationSummary[], now: Date): Group[] {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  const borders: [string, number][] = [
    ["Today", midnight],
    ["Yesterday", midnight - DAY],
    ["Previous 7 days", midnight - 7 * DAY],
    ["Previous 30 days", midnight - 30 * DAY],
    ["Older", -Infinity],
  ];
  const label = (updated: string) => borders.find(([, from]) => Date.parse(updated) >= from)?.[0] ?? "Older";
  return borders
    .map(([name]) => ({ label: name, conversations: conversations.filter((one) => label(one.updated) === name) }))
    .filter((group) => group.conversations.length);
}

/** The pieces of a search's excerpt; every second one is what was looked for. */
export function excerpt(snippet: string): string[] {
  return snippet.split(/[\u0001\u0002]/u);
}
