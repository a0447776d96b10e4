/** What a user has set. It is kept where pages and their scripts cannot read: the token is in it. */

import type { ConfiguredSite } from "./messages";

export interface Settings {
  /** Of the server, such as "http://127.0.0.1:8000"; empty until it is set. */
  address: string;
  token: string;
  isManual: boolean;
  /** Origins on which nothing is done. */
  off: string[];
  sites: ConfiguredSite[];
}

const KEY = "settings";
const DEFAULTS: Settings = { address: "", token: "", isManual: false, off: [], sites: [] };

export async function readSettings(): Promise<Settings> {
  const kept = await chrome.storage.local.get(KEY);
  return { ...DEFAULTS, ...(kept[KEY] as Partial<Settings> | undefined) };
}

export async function changeSettings(change: Partial<Settings>): Promise<Settings> {
  const settings = { ...(await readSettings()), ...change };
  await chrome.storage.local.set({ [KEY]: settings });
  return settings;
}

/** Address and token out of what `emendo serve` prints: the page's link, or the line with address and key; null where there is none. */
export function readLink(pasted: string): { address: string; token: string } | null {
  const address = /https?:\/\/(?:127\.0\.0\.1|localhost)(?::\d{1,5})?(?=[/\s#]|$)/i.exec(pasted)?.[0];
  const token = /#token=([^\s&]+)/.exec(pasted)?.[1] ?? /\bkey\s+([^\s,]+)/i.exec(pasted)?.[1];
  if (!address || !token) return null;
  try {
    return { address: address.toLowerCase(), token: decodeURIComponent(token) };
  } catch {
    return null;
  }
}
