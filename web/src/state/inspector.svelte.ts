/** The third column: whether it is open, on which tab, and which answer and token it looks at. */

export const TABS = ["facts", "trace", "tokens", "sources"] as const;
export type Tab = (typeof TABS)[number];

export interface Looked {
  message: string;
  answer: string;
}

export class Inspector {
  isOpen = $state(false);
  tab = $state<Tab>("facts");
  looked = $state.raw<Looked | null>(null);
  token = $state<number | null>(null);
  claim = $state<number | null>(null);
  /** What the trace tab is filled with when another part asks for a trace. */
  traceOf = $state.raw<{ sentence: string; subject: [number, number] } | null>(null);

  show(tab: Tab): void {
    this.tab = tab;
    this.isOpen = true;
  }

  look(message: string, answer: string, tab: Tab, token: number | null = null): void {
    this.looked = { message, answer };
    this.token = token;
    this.claim = null;
    this.show(tab);
  }

  trace(sentence: string, subject: [number, number]): void {
    this.traceOf = { sentence, subject };
    this.show("trace");
  }

  forgetAnswer(): void {
    this.looked = null;
    this.token = null;
    this.claim = null;
  }
}
