/** The text of an answer as it is drawn, and where on the page each of its characters stands.
 *
 * Blocks become lines, list items and headings get the marks of Markdown, tables its pipes: so the server sees the pieces that a reader
 * sees. Code is left out. The page is only read.
 */

/** A run of characters that stand in one text node. */
export interface Piece {
  at: number;
  length: number;
  node: Text;
  from: number;
}

export interface Drawn {
  text: string;
  pieces: Piece[];
  /** Start and end of every line that was made: a paragraph, an item, a row. */
  blocks: [number, number][];
}

/** Elements of our own on the page. */
export const OWN = "emendo-badge, emendo-overlay";
const NO_TEXT = `pre, script, style, noscript, template, button, svg, textarea, select, [hidden], [aria-hidden="true"], ${OWN}`;
const BLOCKS = new Set(
  (
    "ADDRESS ARTICLE ASIDE BLOCKQUOTE DD DETAILS DIV DL DT FIGURE FIGCAPTION FOOTER HEADER HR MAIN NAV OL P SECTION SUMMARY " +
    "TABLE UL"
  ).split(" "),
);

/** The text of an element; `ignored` selects what in it is no text of it. */
export function read(root: Element, ignored: string): Drawn {
  const reader = new Reader(ignored ? `${NO_TEXT}, ${ignored}` : NO_TEXT);
  reader.children(root);
  return reader.drawn();
}

class Reader {
  #text = "";
  readonly #pieces: Piece[] = [];
  /** White space that is to be written before the next word, and where it stands, if anywhere. */
  #space: { node: Text; from: number } | "nowhere" | null = null;
  /** A mark was written that what follows belongs to: no line breaks in between. */
  #isAfterMark = false;
  #cells = 0;

  constructor(private readonly noText: string) {}

  drawn(): Drawn {
    const text = this.#text.trimEnd();
    const blocks: [number, number][] = [];
    for (const line of text.matchAll(/[^\n]+/g)) blocks.push([line.index, line.index + line[0].length]);
    // Halves of characters would be refused; this keeps the length.
    return { text: text.toWellFormed(), pieces: this.#pieces.filter((piece) => piece.at < text.length), blocks };
  }

  children(parent: Element): void {
    for (const node of parent.childNodes) {
      if (node instanceof Text) this.#write(node, parent);
      else if (node instanceof Element && !node.matches(this.noText)) this.#element(node);
    }
  }

  #element(element: Element): void {
    const tag = element.tagName;
    if (tag === "BR") this.#break(1);
    else if (tag === "TABLE") this.#table(element);
    else if (tag === "LI") this.#marked(element, `${ordinal(element)} `, 1);
    else if (/^H[1-6]$/.test(tag)) this.#marked(element, "# ", 2);
    else if (BLOCKS.has(tag)) {
      this.#break(2);
      this.children(element);
      this.#break(2);
    } else this.children(element);
  }

  #marked(element: Element, mark: string, lines: number): void {
    this.#break(lines);
    if (!this.#cells) {
      this.#text += mark;
      this.#isAfterMark = true;
    }
    this.children(element);
    this.#isAfterMark = false;
    this.#break(lines);
  }

  #table(table: Element): void {
    this.#break(2);
    this.#cells += 1;
    [...table.querySelectorAll("tr")].forEach((row, index) => {
      const cells = [...row.children].filter((cell) => cell.matches("td, th"));
      for (const cell of cells) {
        this.#text += "| ";
        this.#space = null;
        this.children(cell);
        this.#space = null;
        this.#text += " ";
      }
      this.#text += "|\n";
      if (index === 0) this.#text += `${"| --- ".repeat(cells.length)}|\n`;
    });
    this.#cells -= 1;
    this.#break(2);
  }

  #break(lines: number): void {
    if (this.#cells) {
      this.#space ??= "nowhere";
      return;
    }
    this.#space = null;
    if (this.#text === "" || this.#isAfterMark) return;
    this.#text = this.#text.replace(/ +$/, "");
    while (!this.#text.endsWith("\n".repeat(lines))) this.#text += "\n";
  }

  #write(node: Text, parent: Element): void {
    const keepsLines = !this.#cells && getComputedStyle(parent).whiteSpace.startsWith("pre");
    for (const run of node.data.matchAll(/[^\S\n]+|\n|\S+/g)) {
      if (run[0] === "\n" && keepsLines) this.#newline();
      else if (/^\s/.test(run[0])) this.#space ??= { node, from: run.index };
      else this.#word(node, run.index, run[0]);
    }
  }

  #newline(): void {
    this.#space = null;
    if (this.#text !== "") this.#text += "\n";
  }

  #word(node: Text, from: number, word: string): void {
    if (this.#space && this.#text !== "" && !/\s$/.test(this.#text)) {
      if (this.#space !== "nowhere") this.#pieces.push({ at: this.#text.length, length: 1, ...this.#space });
      this.#text += " ";
    }
    this.#space = null;
    this.#isAfterMark = false;
    this.#pieces.push({ at: this.#text.length, length: word.length, node, from });
    // A pipe would end the cell.
    this.#text += this.#cells ? word.replaceAll("|", "¦") : word;
  }
}

function ordinal(item: Element): string {
  const list = item.parentElement;
  if (list?.tagName !== "OL") return "-";
  const first = Number(list.getAttribute("start") ?? 1) || 1;
  return `${first + [...list.children].filter((child) => child.tagName === "LI").indexOf(item)}.`;
}
