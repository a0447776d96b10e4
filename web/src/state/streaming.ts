/** What an event of a running answer makes of the message: a new value, the old one stays as it was. */

import type { ServerEvent } from "../api/sse";
import type { Answer, Message } from "../api/types";

interface TokenEvent {
  answer: string;
  index: number;
  text: string;
  start: number;
  end: number;
  logprob: number;
  top: [string, number][];
}

interface PairEvent {
  index: number;
  divergence: number | null;
  differs: boolean;
}

interface EndEvent {
  answer: string;
  state: Answer["state"];
  finish_reason: string | null;
  content: string;
  error?: string | null;
  seconds: number | null;
  seconds_to_first_token: number | null;
}

/** The message after an event. */
export function advance(message: Message, event: ServerEvent): Message {
  switch (event.name) {
    case "start": {
      const { answer } = event.data as { answer: Partial<Answer> | string };
      const id = typeof answer === "string" ? answer : (answer.id ?? "");
      return change(message, id, (old) => ({ ...old, ...(typeof answer === "string" ? {} : answer), tokens: old.tokens, state: "running" }));
    }
    case "token": {
      const { answer, index, text, start, end, logprob, top } = event.data as TokenEvent;
      return change(message, answer, (old) => ({
        ...old,
        state: "running",
        tokens: index < old.tokens.length ? old.tokens : [...old.tokens, { text, start, end, logprob, top }],
        content: index < old.tokens.length ? old.content : old.content + text,
      }));
    }
    case "pair": {
      const { index, divergence, differs } = event.data as PairEvent;
      const all = [...(message.divergence ?? [])];
      all[index] = divergence;
      const first = message.first_difference ?? (differs ? index : null);
      return { ...message, divergence: Array.from(all, (value) => value ?? null), first_difference: first };
    }
    case "end": {
      const { answer, ...rest } = event.data as EndEvent;
      return change(message, answer, (old) => ({ ...old, ...rest }));
    }
    default:
      return message;
  }
}

function change(message: Message, id: string, update: (answer: Answer) => Answer): Message {
  const answers = (message.answers ?? []).map((answer) => (answer.id === id ? update(answer) : answer));
  return { ...message, answers };
}
