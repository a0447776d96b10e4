/** What a site's answers look like: selectors, in one small file a site (`sites/`). */

export interface Adapter {
  name: string;
  /** Hosts on which it works; empty for one that a user configured. */
  hosts: readonly string[];
  /** The elements that hold what was asked and what was answered, their text alone. */
  question: string;
  answer: string;
  /** What stands in an answer and is no text of it, such as numbers of citations and buttons. */
  ignored: string;
  /** There is such an element as long as the last answer is being written: on the page, or around that answer. */
  writing: string;
  /** For how many milliseconds a text must have stayed as it is to count as finished. */
  settle: number;
}

/** An answer on the page, and what it answers. */
export interface Turn {
  answer: Element;
  question: Element | null;
  isWriting: boolean;
}

/** The answers on a page, in order; what lies within another answer is a part of that. */
export function turnsOf(adapter: Adapter, page: Document): Turn[] {
  const turns: Turn[] = [];
  let question: Element | null = null;
  const selector = [adapter.question, adapter.answer].filter(Boolean).join(", ");
  for (const element of page.querySelectorAll(selector)) {
    if (turns.at(-1)?.answer.contains(element)) continue;
    if (element.matches(adapter.answer)) turns.push({ answer: element, question, isWriting: false });
    else question = element;
  }
  const last = turns.at(-1);
  if (last && adapter.writing) last.isWriting = page.querySelector(adapter.writing) !== null;
  return turns;
}

/** The adapters of the folder `sites`: a new file there is a new site. */
export const SITES: readonly Adapter[] = Object.values(
  import.meta.glob<Adapter>("./sites/*.ts", { eager: true, import: "adapter" }),
);

/** The adapter of a host; null where there is none. */
export function siteOf(host: string): Adapter | null {
  return SITES.find((site) => site.hosts.includes(host)) ?? null;
}
