/** A question and an answer, and their digest. All of both goes into it: parts of answers are often alike. */

export interface Pair {
  question: string;
  answer: string;
  /** A model of the server, where the answer is known to be its. */
  model: string | null;
}

/** A pair in one string; no two pairs have the same. */
export function keyOf(pair: Pair): string {
  return JSON.stringify([pair.question, pair.answer, pair.model]);
}

/** SHA-256 of a pair, as hexadecimal digits. */
export async function digestOf(pair: Pair): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(keyOf(pair)));
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
