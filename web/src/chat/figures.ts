/** Figures of an answer as they are read: tokens a second, seconds, probabilities. */

import type { Answer } from "../api/types";

/** Tokens a second after the first one; null where there are too few to say. */
export function tokensPerSecond(answer: Pick<Answer, "tokens" | "seconds" | "seconds_to_first_token">): number | null {
  const { tokens, seconds, seconds_to_first_token: first } = answer;
  if (seconds === null || first === null || tokens.length < 2 || seconds <= first) return null;
  return (tokens.length - 1) / (seconds - first);
}

/** A probability as people read it, on one line. */
export function percent(probability: number): string {
  if (probability > 0 && probability < 0.001) return "<\u00a00.1\u00a0%";
  return `${(100 * probability).toFixed(probability >= 0.1 ? 0 : 1)}\u00a0%`;
}

/** One of five steps from certain (0) to unlikely (4). */
export function doubt(logprob: number): number {
  const probability = Math.exp(logprob);
  return [0.9, 0.6, 0.3, 0.1].filter((border) => probability < border).length;
}
