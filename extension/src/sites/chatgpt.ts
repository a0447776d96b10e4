/** ChatGPT: messages carry their author's role; the stop button is there while an answer is written. */

import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  name: "ChatGPT",
  hosts: ["chatgpt.com", "chat.openai.com"],
  question: '[data-message-author-role="user"]',
  answer: '[data-message-author-role="assistant"]',
  ignored: '[data-testid="webpage-citation-pill"], .sr-only',
  writing: '[data-testid="stop-button"]',
  settle: 1500,
};
