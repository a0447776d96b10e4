/** From wrong words of an answer to an edit that is filled in. */

import type { App } from "../state/app.svelte";

export async function fixWords(app: App, messageId: string, answerId: string, wrong: { start: number; end: number }): Promise<void> {
  const { chat, model } = app;
  const message = chat.messages.find((other) => other.id === messageId);
  const question = chat.messages.find((other) => other.id === message?.parent);
  const answer = message?.answers?.find((other) => other.id === answerId);
  if (!model || !chat.conversation || !message || !question || !answer) return;
  await app.facts.beginFix(model.id, app.server?.who ?? "", chat.conversation.id, question, message, answer, wrong);
  app.inspector.show("facts");
}
