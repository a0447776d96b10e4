/** Results of whole checks, by the digest of what was checked: in memory until the browser closes, and not on the disk. */

import { digestOf, type Pair } from "../pair";
import type { Result } from "../verdicts";

const MOST = 200;
const MOST_CHARACTERS = 4_000_000;
const INDEX = "index";

/** What is kept, oldest first. */
export type Index = [digest: string, characters: number][];

export async function recallResult(pair: Pair): Promise<Result | null> {
  const digest = await digestOf(pair);
  return ((await chrome.storage.session.get(digest))[digest] as Result | undefined) ?? null;
}

/** Keeps a result, and drops the oldest where there are too many. A claim whose check failed is checked again another time. */
export async function keepResult(pair: Pair, result: Result): Promise<void> {
  if (result.claims.some((claim) => claim.verdict === "check_failed")) return;
  const digest = await digestOf(pair);
  // Two results that come at once would each write an index without the other.
  await navigator.locks.request(INDEX, async () => {
    const kept = ((await chrome.storage.session.get(INDEX))[INDEX] as Index | undefined) ?? [];
    const { index, dropped } = withNewest(kept, digest, JSON.stringify(result).length);
    await chrome.storage.session.remove(dropped);
    if (!dropped.includes(digest)) await chrome.storage.session.set({ [digest]: result });
    await chrome.storage.session.set({ [INDEX]: index });
  });
}

/** The index with a newest result, and the digests of those that must go for it. */
export function withNewest(kept: Index, digest: string, characters: number): { index: Index; dropped: string[] } {
  const index: Index = [...kept.filter(([other]) => other !== digest), [digest, characters]];
  const dropped: string[] = [];
  while (index.length > MOST || index.reduce((sum, [, size]) => sum + size, 0) > MOST_CHARACTERS) {
    const oldest = index.shift();
    if (oldest) dropped.push(oldest[0]);
  }
  return { index, dropped };
}

export async function forgetResults(): Promise<void> {
  await navigator.locks.request(INDEX, () => chrome.storage.session.clear());
}
