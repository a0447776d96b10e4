/** The popup: on or off for a site, unasked or when asked, and a check of the whole page. */

import { idOf } from "../form";
import type { PageState, ToPage } from "../messages";
import { changeSettings, readSettings } from "../settings";

async function open(): Promise<void> {
  idOf("options", HTMLButtonElement).addEventListener("click", () => void chrome.runtime.openOptionsPage());
  const [tab] = await chrome.tabs.query({ active: true, currentWindow: true });
  const tell = (message: ToPage) => chrome.tabs.sendMessage<ToPage, PageState>(tab?.id ?? chrome.tabs.TAB_ID_NONE, message);
  const state = await tell({ kind: "state" }).catch(() => null);
  const site = idOf("site", HTMLElement);
  if (!state) {
    site.textContent = "Emendo does not work on this page. Sites are added in the options; pages that were open before are to be reloaded.";
    return;
  }
  const host = new URL(state.origin).host;
  const { off, isManual } = await readSettings();
  const isOn = !off.includes(state.origin);
  site.textContent = isOn ? `${host}: ${state.answers} answered, ${state.unchecked} of them not checked` : `${host}: switched off`;
  idOf("here", HTMLElement).hidden = false;

  const on = idOf("on", HTMLInputElement);
  on.checked = isOn;
  on.addEventListener("change", () => {
    const others = off.filter((origin) => origin !== state.origin);
    void changeSettings({ off: on.checked ? others : [...others, state.origin] }).then(() => window.close());
  });

  idOf(isManual ? "manual" : "automatic", HTMLInputElement).checked = true;
  for (const id of ["manual", "automatic"]) {
    idOf(id, HTMLInputElement).addEventListener("change", () => void changeSettings({ isManual: id === "manual" }));
  }

  const check = idOf("check", HTMLButtonElement);
  check.disabled = !isOn || state.unchecked === 0;
  check.addEventListener("click", () => void tell({ kind: "check-all" }).finally(() => window.close()));
}

void open();
