/** Claude: an answer says of itself whether it is being streamed. */

import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  name: "Claude",
  hosts: ["claude.ai"],
  question: '[data-testid="user-message"]',
  answer: ".font-claude-response, .font-claude-message",
  ignored: ".sr-only",
  writing: '[data-is-streaming="true"], button[aria-label="Stop response"]',
  settle: 1500,
};
