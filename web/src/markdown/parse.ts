/** Markdown as a tree of plain values that components draw; HTML stays text, and every text knows where it stood.
 *
 * `marked` only splits the source into tokens. Nothing here or after it makes markup out of a string.
 */

import { type Token as Lexed, type Tokens, lexer } from "marked";
import { safeAddress } from "./links";

export type Inline =
  | { kind: "text" | "code"; text: string; at: number }
  | { kind: "strong" | "em" | "del"; children: Inline[] }
  | { kind: "link"; href: string; children: Inline[] }
  | { kind: "image"; text: string; address: string; at: number }
  | { kind: "break" };

export type Block =
  | { kind: "paragraph"; children: Inline[] }
  | { kind: "heading"; level: number; children: Inline[] }
  | { kind: "code"; text: string; language: string; at: number }
  | { kind: "quote"; children: Block[] }
  | { kind: "list"; isOrdered: boolean; start: number; items: { isChecked: boolean | null; children: Block[] }[] }
  | { kind: "table"; align: (string | null)[]; header: Inline[][]; rows: Inline[][][] }
  | { kind: "rule" };

const DEEPEST = 12; // quotes within quotes within …: beyond this the rest is shown as it was written

/** The blocks of a text. */
export function parse(source: string): Block[] {
  let tokens: Lexed[];
  try {
    tokens = lexer(source, { gfm: true, breaks: true });
  } catch {
    return [plain(source, 0)]; // nested too deeply for the lexer
  }
  return new Reader(source).blocks(tokens, 0, 0);
}

function plain(text: string, at: number): Block {
  return { kind: "paragraph", children: [{ kind: "text", text, at }] };
}

class Reader {
  constructor(private readonly source: string) {}

  blocks(tokens: readonly Lexed[], from: number, depth: number): Block[] {
    const blocks: Block[] = [];
    let cursor = from;
    for (const token of tokens) {
      const at = this.find(token.raw, cursor);
      const block = this.block(token, at, depth);
      if (block) blocks.push(block);
      cursor = Math.min(at + token.raw.length, this.source.length);
    }
    return blocks;
  }

  private block(token: Lexed, at: number, depth: number): Block | null {
    if (depth > DEEPEST) return plain(token.raw, at);
    switch (token.type) {
      case "space":
      case "def":
      case "checkbox":
        return null;
      case "hr":
        return { kind: "rule" };
      case "heading":
        return { kind: "heading", level: (token as Tokens.Heading).depth, children: this.inline(token.tokens ?? [], at, depth + 1) };
      case "code": {
        const { text, lang } = token as Tokens.Code;
        return { kind: "code", text, language: (lang ?? "").split(/\s/)[0] ?? "", at: this.find(text, at) };
      }
      case "blockquote":
        return { kind: "quote", children: this.blocks(token.tokens ?? [], at, depth + 1) };
      case "list":
        return this.list(token as Tokens.List, at, depth);
      case "table":
        return this.table(token as Tokens.Table, at, depth);
      case "paragraph":
      case "text":
        if (token.tokens) return { kind: "paragraph", children: this.inline(token.tokens, at, depth + 1) };
    }
    return plain(token.raw.trimEnd(), at);
  }

  private list(list: Tokens.List, at: number, depth: number): Block {
    let cursor = at;
    const items = list.items.map((item) => {
      const start = this.find(item.raw, cursor);
      cursor = start + item.raw.length;
      return { isChecked: item.task ? Boolean(item.checked) : null, children: this.blocks(item.tokens, start, depth + 1) };
    });
    return { kind: "list", isOrdered: list.ordered, start: Number(list.start) || 1, items };
  }

  private table(table: Tokens.Table, at: number, depth: number): Block {
    let cursor = at;
    const cell = ({ text, tokens }: Tokens.TableCell): Inline[] => {
      const start = this.find(text, cursor);
      cursor = start + text.length;
      return this.inline(tokens, start, depth + 1);
    };
    return { kind: "table", align: table.align, header: table.header.map(cell), rows: table.rows.map((row) => row.map(cell)) };
  }

  private inline(tokens: readonly Lexed[], from: number, depth: number): Inline[] {
    let cursor = from;
    return tokens.flatMap((token) => {
      const at = this.find(token.raw, cursor);
      cursor = Math.min(at + token.raw.length, this.source.length);
      return this.one(token, at, depth);
    });
  }

  private one(token: Lexed, at: number, depth: number): Inline[] {
    const inner = "tokens" in token ? token.tokens : undefined;
    const children = (): Inline[] =>
      depth > DEEPEST || !inner ? [{ kind: "text", text: token.raw, at }] : this.inline(inner, at, depth + 1);
    switch (token.type) {
      case "checkbox":
        return [];
      case "br":
        return [{ kind: "break" }];
      case "strong":
      case "em":
      case "del":
        return [{ kind: token.type, children: children() }];
      case "codespan":
      case "escape": {
        const { text } = token as Tokens.Codespan;
        return [{ kind: token.type === "codespan" ? "code" : "text", text, at: this.find(text, at) }];
      }
      case "link": {
        const href = safeAddress((token as Tokens.Link).href);
        return href === null ? [{ kind: "text", text: token.raw, at }] : [{ kind: "link", href, children: children() }];
      }
      case "image": {
        const { text, href } = token as Tokens.Image;
        return [{ kind: "image", text: text || "image", address: href, at }];
      }
      case "text":
        if (inner) return children();
    }
    return [{ kind: "text", text: token.raw, at }];
  }

  /** Where a piece stands; lists and quotes strip their indentation, and then the place is the nearest known one. */
  private find(piece: string, from: number): number {
    const at = this.source.indexOf(piece, from);
    return at < 0 ? from : at;
  }
}
