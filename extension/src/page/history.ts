/** Old conversations are not checked unasked: only a handful of answers that stood there before, and the rest if the user says so. */

import { button, element, hosted, matchTheme } from "./elements";

export const MOST_UNASKED = 5;

/** Decides what happens with answers that stood in a conversation before. */
export class History {
  #path = "";
  #checked = 0;
  #choice: "all" | "new" | null = null;

  /** Whether to check a number of unchecked old answers, to ask first, or to leave them alone. */
  decide(path: string, count: number): "check" | "ask" | "leave" {
    if (path !== this.#path) [this.#path, this.#checked, this.#choice] = [path, 0, null];
    if (this.#choice !== null) return this.#choice === "all" ? "check" : "leave";
    if (this.#checked + count > MOST_UNASKED) return "ask";
    this.#checked += count;
    return "check";
  }

  choose(choice: "all" | "new"): void {
    this.#choice = choice;
  }
}

/** The question whether old answers shall be checked. */
export class HistoryQuestion {
  readonly #host: HTMLElement;
  readonly #inside: ShadowRoot;
  #count = 0;

  constructor(private readonly onChoice: (choice: "all" | "new") => void) {
    const { host, inside } = hosted("emendo-overlay");
    this.#host = host;
    this.#inside = inside;
  }

  open(count: number): void {
    // Drawn anew it would lose the focus.
    if (this.#host.isConnected && count === this.#count) return;
    this.#count = count;
    const choose = (choice: "all" | "new") => () => {
      this.close();
      this.onChoice(choice);
    };
    const all = button("pill main", `Check all ${count}`, choose("all"));
    const words = element("p", "", `${count} earlier answers of this conversation were not checked by Emendo.`);
    const buttons = element("div", "line", all, button("pill", "Only new answers", choose("new")));
    const box = element("div", "question", words, buttons);
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", "Emendo");
    this.#inside.replaceChildren(box);
    matchTheme(this.#host, document.body);
    if (!this.#host.isConnected) document.documentElement.append(this.#host);
  }

  close(): void {
    this.#host.remove();
  }
}
