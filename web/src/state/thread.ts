/** The line through a tree of messages: every message may have versions, and one of each is shown. */

import type { Message } from "../api/types";

/** For a message (or "" for the start) the id of the child that is shown; the newest where none was chosen. */
export type Choices = Readonly<Record<string, string>>;

export interface Step {
  message: Message;
  versions: string[];
  index: number;
}

/** The messages on show, first to last, each with its versions. */
export function walk(messages: readonly Message[], choices: Choices): Step[] {
  const children = new Map<string, Message[]>();
  for (const message of messages) {
    const key = message.parent ?? "";
    const siblings = children.get(key);
    if (siblings) siblings.push(message);
    else children.set(key, [message]);
  }
  const steps: Step[] = [];
  let key = "";
  for (;;) {
    const siblings = children.get(key);
    if (!siblings?.length) return steps;
    const chosen = siblings.findIndex((message) => message.id === choices[key]);
    const index = chosen < 0 ? siblings.length - 1 : chosen;
    const message = siblings[index];
    if (!message) return steps;
    steps.push({ message, versions: siblings.map((sibling) => sibling.id), index });
    key = message.id;
  }
}

/** The messages with one put in the place of its namesake, or added at the end. */
export function withMessage(messages: readonly Message[], message: Message): Message[] {
  const at = messages.findIndex((other) => other.id === message.id);
  return at < 0 ? [...messages, message] : messages.with(at, message);
}

/** Whether an answer of the message is still being written. */
export function isRunning(message: Message): boolean {
  return message.answers?.some((answer) => answer.state === "queued" || answer.state === "running") ?? false;
}
