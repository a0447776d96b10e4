/** Perplexity: queries are headings; an answer is Markdown with numbered citations, which come late and are no words of it. */

import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  name: "Perplexity",
  hosts: ["www.perplexity.ai", "perplexity.ai"],
  question: '[class~="group/query"]',
  answer: '[id^="markdown-content-"]',
  ignored: ".citation, .citation-nbsp, .sr-only",
  writing: '[data-testid="stop-generating-response-button"], button[aria-label^="Stop"]',
  settle: 2000,
};
