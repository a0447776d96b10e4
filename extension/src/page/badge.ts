/** The line under an answer: how its check stands, and on demand every claim with its verdict. Nothing is green but what was checked in
 * whole and borne out in whole. */

import { type Claim, isAllSupported, VERDICTS, type Verdict } from "../verdicts";
import type { Standing } from "./checks";
import { sign } from "./card";
import { button, element, hosted, matchTheme } from "./elements";

export interface BadgeActions {
  onCheck: () => void;
  onClaim: (claim: Claim, from: HTMLElement) => void;
}

export class Badge {
  readonly host: HTMLElement;
  readonly #inside: ShadowRoot;
  #isOpen = false;
  #shown = "";

  constructor(private readonly actions: BadgeActions) {
    const { host, inside } = hosted("emendo-badge");
    this.host = host;
    this.#inside = inside;
  }

  /** Stands behind an answer, wherever the page has put that. */
  stay(answer: Element): void {
    if (answer.nextElementSibling === this.host) return;
    answer.after(this.host);
    matchTheme(this.host, answer);
  }

  show(standing: Standing, hasChanged: boolean): void {
    const now = JSON.stringify([standing, hasChanged, this.#isOpen]);
    if (now === this.#shown) return;
    this.#shown = now;
    const { text, look, action } = wordsOf(standing, hasChanged);
    const claims = claimsOf(standing);
    const line = element("div", "line");
    const toggle = () => this.#toggle(standing, hasChanged);
    const words = claims.length ? button(`pill ${look}`, text, toggle) : element("span", `pill ${look}`, text);
    if (claims.length) words.setAttribute("aria-expanded", String(this.#isOpen));
    const status = element("div", "", words);
    status.setAttribute("role", "status");
    if (text) line.append(status);
    if (action) line.append(button("pill", action, this.actions.onCheck));
    const hadFocus = this.#inside.activeElement !== null;
    this.#inside.replaceChildren(line);
    if (this.#isOpen && claims.length) this.#inside.append(this.#list(claims));
    if (hadFocus) this.#inside.querySelector("button")?.focus();
  }

  #toggle(standing: Standing, hasChanged: boolean): void {
    this.#isOpen = !this.#isOpen;
    this.show(standing, hasChanged);
  }

  #list(claims: Claim[]): HTMLElement {
    const list = element("ul", "list");
    const order = Object.keys(VERDICTS);
    for (const claim of claims.toSorted((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict))) {
      const row = button("", "", () => this.actions.onClaim(claim, row));
      row.append(sign(claim), element("span", "", claim.correction ? `${claim.quote} → ${claim.correction}` : claim.quote));
      list.append(element("li", "", row));
    }
    return list;
  }
}

/** The claims that are known so far. */
export function claimsOf(standing: Standing): Claim[] {
  if (standing.kind === "done") return standing.result.claims;
  return standing.kind === "checking" || standing.kind === "failed" ? standing.claims : [];
}

/** What a badge says. */
export function wordsOf(standing: Standing, hasChanged: boolean): { text: string; look: Verdict | "busy" | ""; action: string } {
  if (standing.kind === "unchecked" || standing.kind === "recalling") return { text: "", look: "", action: "Check this answer" };
  if (standing.kind === "waiting") return { text: "Waiting to be checked", look: "busy", action: "" };
  const claims = claimsOf(standing);
  if (standing.kind === "checking") return { text: `Checking… ${counted(claims)}`.trim(), look: "busy", action: "" };
  if (standing.kind === "failed") {
    const partly = claims.length ? ` Until then: ${counted(claims)}.` : "";
    return { text: `Could not be checked. ${standing.why}${partly}`, look: "check_failed", action: "Try again" };
  }
  const changed = hasChanged ? "Changed since it was checked. " : "";
  const action = "Check again";
  const { checked, checkable } = standing.result.summary;
  if (checkable === 0) return { text: `${changed}Nothing in it can be checked`, look: "", action };
  const text = `${changed}Checked ${checked} of ${checkable} checkable claims: ${counted(claims)}`;
  if (claims.some((claim) => claim.verdict === "refuted")) return { text, look: "refuted", action };
  if (claims.some((claim) => claim.verdict === "check_failed")) return { text, look: "check_failed", action };
  return { text, look: isAllSupported(claims) && !hasChanged ? "supported" : "", action };
}

/** "1 refuted, 2 supported": every verdict that occurs. */
function counted(claims: readonly Claim[]): string {
  const parts = Object.entries(VERDICTS).map(([verdict, { name }]) => {
    const count = claims.filter((claim) => claim.verdict === verdict).length;
    return count ? `${count} ${name}` : "";
  });
  const edited = claims.filter((claim) => claim.entry !== null).length;
  if (edited) parts.push(`${edited} edited on purpose`);
  return parts.filter(Boolean).join(", ");
}

