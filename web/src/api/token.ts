/** The token: handed over in the link's fragment, kept for the tab, never left in the address. */

const KEY = "emendo.token";

/** The token of this tab, taken out of the address where it is there; null where there is none. */
export function takeToken(): string | null {
  const found = /^#token=([^&]+)/.exec(location.hash)?.[1];
  if (found !== undefined) {
    keepToken(decodeURIComponent(found));
    history.replaceState(null, "", location.pathname + location.search);
  }
  return sessionStorage.getItem(KEY);
}

export function keepToken(token: string): void {
  sessionStorage.setItem(KEY, token);
}

export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
}
