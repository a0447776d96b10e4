import { render } from "svelte/server";
import { describe, expect, it } from "vitest";
import type { Claim } from "../api/types";
import Markdown from "./Markdown.svelte";

const html = (source: string, marks: object[] = []) => render(Markdown, { props: { source, marks } as never }).body.replace(/<!--.*?-->/g, "");

describe("drawn Markdown", () => {
  it("has only the elements that the page's components make", () => {
    const body = html('<script>alert(1)</script>\n\n<img src=x onerror=alert(1)> [a](javascript:alert(1)) ![i](https://evil.example/x.png)\n\n[ok](https://a.example "t")');
    expect(body).not.toMatch(/<(script|img|iframe|style)/);
    expect(body).not.toMatch(/<[^>]*\son\w+=/);
    expect([...body.matchAll(/href="([^"]*)"/g)].map((match) => match[1])).toEqual(["https://a.example/"]);
    expect(body).toContain("noopener noreferrer nofollow");
  });

  it("marks the words that differ, across the borders of emphasis", () => {
    const body = html("is **Los** Angeles", [{ start: 5, end: 12, kind: "differs" }]);
    expect([...body.matchAll(/<mark[^>]*>([^<]*)/g)].map((match) => match[1]).join("|")).toBe("Los| A");
  });

  it("puts a badge behind the last word of a claim, once", () => {
    const claim: Claim = { verdict: "refuted", claim: "c", start: 0, end: 9, correction: "Sacramento", confidence: 0.9, passages: [] };
    const body = html("a **b** claim.", [{ start: 0, end: 13, kind: "claim", claim, index: 0 }]);
    expect(body.match(/<button/g)).toHaveLength(1);
    expect(body).toMatch(/refuted.*Sacramento/s);
  });
});
