/** Which addresses in a model's answer may become links: three schemes, written out in full. */

const ALLOWED = new Set(["http:", "https:", "mailto:"]);

/** The address if it is one to follow, null otherwise. */
export function safeAddress(address: string): string | null {
  try {
    const url = new URL(address);
    return ALLOWED.has(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}
