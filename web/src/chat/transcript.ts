/** The messages that led to an answer, as its model was given them. */

import type { Message, RevisionName } from "../api/types";

export interface Line {
  role: string;
  content: string;
}

/** The line of messages up to one, with each pane's own answers: by the name of its revision, else by its place, else the last. */
export function transcript(line: readonly Message[], upTo: string, system: string | null, revision: RevisionName, pane: number): Line[] {
  const end = line.findIndex((message) => message.id === upTo);
  const said = line.slice(0, end + 1).map(({ role, content, answers = [] }) => {
    const own = answers.findLast((answer) => answer.revision_name === revision) ?? answers[pane] ?? answers.at(-1);
    return { role, content: role === "assistant" ? (own?.content ?? content) : content };
  });
  return system ? [{ role: "system", content: system }, ...said] : said;
}
