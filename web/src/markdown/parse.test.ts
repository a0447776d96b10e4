import { describe, expect, it } from "vitest";
import { type Block, type Inline, parse } from "./parse";

type Node = Block | Inline;

/** Every value in a tree that has a kind. */
function nodes(value: unknown): Node[] {
  if (Array.isArray(value)) return value.flatMap(nodes);
  if (typeof value !== "object" || value === null) return [];
  const inside = Object.values(value).flatMap(nodes);
  return "kind" in value ? [value as Node, ...inside] : inside;
}

const texts = (source: string) => nodes(parse(source)).filter((node) => node.kind === "text" || node.kind === "code");

describe("Markdown", () => {
  it("becomes blocks", () => {
    const source = "# T\n\npara **bold**\n\n- a\n- b\n\n| x | y |\n|---|--:|\n| 1 | 2 |\n\n```py\ncode\n```\n\n> q\n\n---";
    expect(parse(source).map((block) => block.kind)).toEqual(["heading", "paragraph", "list", "table", "code", "quote", "rule"]);
  });

  it("knows where every text stood in the source", () => {
    const source = "The *capital* of **California** is\n\n- Los Angeles\n- `San` Diego\n\n| a | Los |\n|---|---|\n| Los | b |\n";
    const found = texts(source);
    expect(found.length).toBeGreaterThan(8);
    for (const node of found) if ("text" in node && "at" in node) expect(source.slice(node.at, node.at + node.text.length)).toBe(node.text);
  });

  it("tells equal words at different places apart", () => {
    const places = texts("Los\n\nLos *Los*").map((node) => ("at" in node ? node.at : -1));
    expect(places).toEqual([0, 5, 10]);
  });

  it("draws open and done tasks", () => {
    const [list] = parse("- [ ] a\n- [x] b");
    expect(list?.kind === "list" && list.items.map((item) => item.isChecked)).toEqual([false, true]);
  });

  it("is drawn while it is still being written", () => {
    const source = "A | table\n|---|---|\n| **x** | `y` |\n\n```js\nlet a = [1](x)\n```\n";
    for (let end = 0; end <= source.length; end++) expect(() => parse(source.slice(0, end))).not.toThrow();
  });
});

describe("hostile Markdown", () => {
  it("stays text where it is HTML", () => {
    for (const source of ["<script>alert(1)</script>", "a <img src=x onerror=alert(1)> b", "<svg/onload=alert(1)>\n\n<iframe src=//x>", "<!-- -->", "<style>*{}</style>"]) {
      const kinds = new Set(nodes(parse(source)).map((node) => node.kind));
      expect([...kinds].filter((kind) => kind !== "paragraph" && kind !== "text")).toEqual([]);
    }
  });

  it("has no links but to http, https and mailto", () => {
    const addresses = ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,<b>", "vbscript:x", "file:///etc/passwd", "//evil.example", "/api/state", "\u0001javascript:alert(1)", "java%0ascript:x", "blob:x"];
    const source = [...addresses.map((address) => `[a](<${address}>) <${address}>`), "[x]: javascript:alert(1)\n", "[x]"].join("\n\n");
    expect(nodes(parse(source)).filter((node) => node.kind === "link")).toEqual([]);
    const good = nodes(parse("[a](https://a.example) <http://b.example> [m](mailto:a@b.example) https://c.example")).filter((node) => node.kind === "link");
    expect(good).toHaveLength(4);
  });

  it("names images and keeps their address out of the page's reach", () => {
    const [image] = nodes(parse("![a](https://evil.example/x.png)")).filter((node) => node.kind === "image");
    expect(image).toMatchObject({ text: "a", address: "https://evil.example/x.png" });
  });

  it("is bounded in depth and time", () => {
    const begun = performance.now();
    for (const piece of ["> ", "- ", "**", "[", "![", "`", "_a", "<a", "| ", "((", "*a **b "]) {
      expect(() => parse(piece.repeat(2000) + "x")).not.toThrow();
    }
    expect(performance.now() - begun).toBeLessThan(10_000);
    const depth = (value: unknown): number => (typeof value === "object" && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depth)) : 0);
    expect(depth(parse("> ".repeat(500) + "x"))).toBeLessThan(60);
  });
});
