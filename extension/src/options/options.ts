/** The options: which server, when to check, and sites that a user describes. */

import { idOf } from "../form";
import type { ConfiguredSite } from "../messages";
import { changeSettings, readLink, readSettings } from "../settings";
import { verify } from "../worker/server";

// Something that every server's tables hold.
const TRIAL = { question: "What is the capital of France?", answer: "The capital of France is Paris.", model: null };

async function open(): Promise<void> {
  const settings = await readSettings();
  tellKnown(settings.address);
  idOf("server", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    void saveServer();
  });
  const manual = idOf("manual", HTMLInputElement);
  manual.checked = settings.isManual;
  manual.addEventListener("change", () => void changeSettings({ isManual: manual.checked }));
  idOf("add", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    void addSite();
  });
  listSites(settings.sites);
}

async function saveServer(): Promise<void> {
  const field = idOf("link", HTMLInputElement);
  const link = readLink(field.value);
  if (!link) {
    say("tried", "In this there is no address at 127.0.0.1 or localhost together with a key or token.", false);
    return;
  }
  await changeSettings(link);
  field.value = "";
  tellKnown(link.address);
  say("tried", "Saved. Trying…", true);
  for await (const event of verify(TRIAL, link)) {
    if (event.kind === "failed") say("tried", `Saved, but it does not work: ${event.why}`, false);
    if (event.kind === "done") {
      const { checked, checkable } = event.result.summary;
      say("tried", `Saved. The server checked ${checked} of ${checkable} checkable claims of a trial.`, checked > 0);
    }
  }
}

async function addSite(): Promise<void> {
  const value = (id: string) => idOf(id, HTMLInputElement).value.trim();
  const { origin, protocol, hostname } = new URL(value("origin"));
  const selectors = ["answer", "question", "writing"].map(value);
  const wrong = selectors.find((selector) => selector && !isSelector(selector));
  if (wrong !== undefined || !/^https?:$/.test(protocol)) {
    say("added", wrong === undefined ? "The address must begin with http:// or https://." : `'${wrong}' is no CSS selector.`, false);
    return;
  }
  if (!(await chrome.permissions.request({ origins: [`${protocol}//${hostname}/*`] }))) {
    say("added", "The browser was not allowed to work on this site, so it was not added.", false);
    return;
  }
  const [answer = "", question = "", writing = ""] = selectors;
  const site: ConfiguredSite = { origin, answer, question, writing, model: value("model") };
  const { sites } = await readSettings();
  listSites((await changeSettings({ sites: [...sites.filter((one) => one.origin !== origin), site] })).sites);
  idOf("add", HTMLFormElement).reset();
  say("added", `Added. Reload the pages of ${origin} that are open.`, true);
}

function listSites(sites: ConfiguredSite[]): void {
  const rows = sites.map((site) => {
    const row = document.createElement("li");
    const selector = document.createElement("code");
    selector.textContent = site.answer;
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "Remove";
    remove.setAttribute("aria-label", `Remove ${site.origin}`);
    remove.addEventListener("click", () => void removeSite(site.origin));
    row.append(site.origin, selector, remove);
    return row;
  });
  idOf("sites", HTMLUListElement).replaceChildren(...rows);
}

async function removeSite(origin: string): Promise<void> {
  const { sites } = await readSettings();
  listSites((await changeSettings({ sites: sites.filter((site) => site.origin !== origin) })).sites);
}

function isSelector(selector: string): boolean {
  try {
    document.createDocumentFragment().querySelector(selector);
    return true;
  } catch {
    return false;
  }
}

function tellKnown(address: string): void {
  idOf("known", HTMLElement).textContent = address ? `Now: ${address}, with a token that is not shown.` : "None is set.";
}

function say(id: string, text: string, isFine: boolean): void {
  const status = idOf(id, HTMLElement);
  status.textContent = text;
  status.className = isFine ? "fine" : "wrong";
}

void open();
