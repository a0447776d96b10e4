/** The script on a page: starts working when the worker says so, and starts anew when that changes. */

import { type Adapter, siteOf } from "../adapter";
import { configured } from "../configured";
import { askWorker, type Orders, type PageState, type ToPage } from "../messages";
import { Work } from "./work";

let work: Work | null = null;
let beginnings = 0;

async function begin(): Promise<void> {
  beginnings += 1;
  const beginning = beginnings;
  work?.stop();
  work = null;
  const orders = await askWorker<Orders>({ kind: "orders" });
  // Where the orders changed meanwhile, those that came later count.
  if (!orders || beginning !== beginnings) return;
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
