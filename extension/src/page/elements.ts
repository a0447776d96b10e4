/** Elements of the extension on a page: in closed shadow trees, in the colours of Emendo's own page, and from text alone. */

import tokens from "../../../web/src/styles/tokens.css?inline";
import look from "./look.css?inline";

/** An element with a class, a text or children. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className: string,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

export function button(className: string, name: string, onclick: () => void): HTMLButtonElement {
  const made = element("button", className, name);
  made.type = "button";
  made.addEventListener("click", onclick);
  return made;
}

/** A host whose inside the page neither sees nor styles. */
export function hosted(tag: "emendo-badge" | "emendo-overlay"): { host: HTMLElement; inside: ShadowRoot } {
  const host = document.createElement(tag);
  const inside = host.attachShadow({ mode: "closed" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(tokens.replaceAll(":root", ":host") + look);
  inside.adoptedStyleSheets = [sheet];
  // What is typed or clicked here is none of the page's business.
  for (const kind of ["keydown", "keyup", "click", "pointerdown"]) host.addEventListener(kind, (event) => event.stopPropagation());
  return { host, inside };
}

/** Takes the page's own theme for that of the system: dark or light as what lies behind an element is. */
export function matchTheme(host: HTMLElement, behind: Element): void {
  let colour: number[] = [];
  for (let at: Element | null = behind; at; at = at.parentElement) {
    const [red = 255, green = 255, blue = 255, alpha = 1] = (getComputedStyle(at).backgroundColor.match(/[\d.]+/g) ?? []).map(Number);
    if (alpha > 0.5) {
      colour = [red, green, blue];
      break;
    }
  }
  const [red = 255, green = 255, blue = 255] = colour;
  host.style.colorScheme = 0.299 * red + 0.587 * green + 0.114 * blue < 128 ? "dark" : "light";
}
