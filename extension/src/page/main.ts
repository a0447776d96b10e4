/** The script on a page: starts working when the worker says so, and starts anew when that changes. */

import { type Adapter, siteOf } from "../adapter";
import { configured } from "../configured";
import type { Orders, PageState, ToPage, ToWorker } from "../messages";
import { Work } from "./work";

let work: Work | null = null;

async function begin(): Promise<void> {
  work?.stop();
  work = null;
  const orders = await chrome.runtime.sendMessage<ToWorker, Orders>({ kind: "orders" });
  // A site that a user describes takes the place of ours: sites change faster than extensions.
  const adapter: Adapter | null = orders.site ? configured(orders.site) : siteOf(location.hostname);
  if (!orders.isOn || !adapter) return;
  work = new Work(adapter, orders.site?.model || null, orders.isManual);
  work.start();
}

chrome.runtime.onMessage.addListener((message: ToPage, _sender, answer: (state: PageState) => void) => {
  if (message.kind === "orders-changed") void begin();
  if (message.kind === "check-all") work?.checkAll();
  if (message.kind === "state") answer({ origin: location.origin, answers: work?.answers ?? 0, unchecked: work?.unchecked ?? 0 });
});

void begin();
