/** The service worker: alone holds the token, alone talks to the server, and to that alone. */

import { SITES } from "../adapter";
import type { CheckEvent, Orders, Tally, ToPage, ToWorker } from "../messages";
import type { Pair } from "../pair";
import { readSettings, type Settings } from "../settings";
import { forgetResults, keepResult, recallResult } from "./results";
import { verify } from "./server";

// Scripts on pages may not read the settings.
void chrome.storage.local.setAccessLevel({ accessLevel: "TRUSTED_CONTEXTS" });

chrome.runtime.onInstalled.addListener(({ reason }) => {
  void registerSites();
  if (reason === "install") void chrome.runtime.openOptionsPage();
});

chrome.runtime.onMessage.addListener((message: ToWorker, sender, answer: (value: unknown) => void) => {
  if (message.kind === "orders") void ordersFor(sender).then(answer);
  else if (message.kind === "known") void recallResult(message.pair).then(answer, () => answer(null));
  else {
    if (sender.tab?.id !== undefined) void showTally(sender.tab.id, message.tally);
    answer(null);
  }
  return true;
});

chrome.runtime.onConnect.addListener((port) => {
  port.onMessage.addListener((pair: Pair) => void check(port, pair));
});

chrome.storage.local.onChanged.addListener((changes) => {
  const { oldValue, newValue } = changes["settings"] ?? {};
  void settingsChanged(oldValue as Settings | undefined, newValue as Settings | undefined);
});

async function check(port: chrome.runtime.Port, pair: Pair): Promise<void> {
  let isConnected = true;
  port.onDisconnect.addListener(() => (isConnected = false));
  const tell = (event: CheckEvent) => isConnected && port.postMessage(event);
  const { isOn } = await ordersFor(port.sender);
  if (!isOn) {
    tell({ kind: "failed", why: "Emendo is switched off on this site." });
    return;
  }
  for await (const event of verify(pair, await readSettings())) {
    // A result that could not be kept is shown all the same.
    if (event.kind === "done") await keepResult(pair, event.result).catch(() => undefined);
    // Where nobody listens any more the request is ended, too.
    if (!isConnected) break;
    tell(event);
  }
}

async function ordersFor(sender: chrome.runtime.MessageSender | undefined): Promise<Orders> {
  const origin = new URL(sender?.url ?? "about:blank").origin;
  const { isManual, off, sites } = await readSettings();
  const site = sites.find((one) => one.origin === origin) ?? null;
  const isKnown = site !== null || isBuiltIn(origin);
  return { isOn: isKnown && !off.includes(origin), isManual, site };
}

function isBuiltIn(origin: string): boolean {
  return SITES.some((site) => site.hosts.some((host) => origin === `https://${host}`));
}

async function showTally(tabId: number, tally: Tally): Promise<void> {
  const text = tally.isChecking ? "…" : tally.refuted ? String(tally.refuted) : tally.hasFailed ? "!" : "";
  const color = tally.isChecking ? "#5b5b5b" : tally.refuted ? "#b3261e" : "#8a5300";
  try {
    await chrome.action.setBadgeBackgroundColor({ tabId, color });
    await chrome.action.setBadgeText({ tabId, text });
  } catch {
    // The tab was closed meanwhile.
  }
}

async function settingsChanged(before: Settings | undefined, now: Settings | undefined): Promise<void> {
  // Another server may know more.
  if (before?.address !== now?.address || before?.token !== now?.token) await forgetResults();
  await registerSites();
  const message: ToPage = { kind: "orders-changed" };
  for (const { id } of await chrome.tabs.query({})) {
    // Most tabs hold none of our scripts.
    if (id !== undefined) chrome.tabs.sendMessage(id, message).catch(() => undefined);
  }
}

/** Puts the page's script onto the sites that a user described, as far as the browser was told to allow it. */
async function registerSites(): Promise<void> {
  await navigator.locks.request("registration", async () => {
    const { sites } = await readSettings();
    const matches: string[] = [];
    for (const { origin } of sites.filter((site) => !isBuiltIn(site.origin))) {
      const { protocol, hostname } = new URL(origin);
      const pattern = `${protocol}//${hostname}/*`;
      if (await chrome.permissions.contains({ origins: [pattern] })) matches.push(pattern);
    }
    const id = "configured";
    if ((await chrome.scripting.getRegisteredContentScripts({ ids: [id] })).length) {
      await chrome.scripting.unregisterContentScripts({ ids: [id] });
    }
    if (!matches.length) return;
    const script = { id, matches: [...new Set(matches)], js: ["page.js"], css: ["highlights.css"], runAt: "document_idle" as const };
    await chrome.scripting.registerContentScripts([script]);
  });
}
