/** What independent evidence says of the answers: asked of the server where it has a verifier, kept for this visit. */

import { SvelteMap } from "svelte/reactivity";
import type { Api } from "../api/client";
import type { Answer, Claim, Message } from "../api/types";

export interface Checked {
  isBusy: boolean;
  claims: Claim[];
}

export class Verdicts {
  readonly #checked = new SvelteMap<string, Checked>();

  constructor(private readonly api: Api) {}

  of(answer: string): Checked | null {
    return this.#checked.get(answer) ?? null;
  }

  /** Holds the claims of an answer against the sources; they come one by one. */
  async check(question: Message, answer: Answer, model: string): Promise<void> {
    const claims: Claim[] = [];
    const show = (isBusy: boolean) => this.#checked.set(answer.id, { isBusy, claims: [...claims] });
    show(true);
    try {
      const body = { question: question.content, answer: answer.content, model };
      for await (const event of this.api.postEvents("/api/verify", body, new AbortController().signal)) {
        if (event.name === "error") throw new Error((event.data as { error: { message: string } }).error.message);
        if (event.name === "claim") claims.push(event.data as Claim);
        show(true);
      }
    } finally {
      show(false);
    }
  }
}
