import { describe, expect, it } from "vitest";
import { doubt, percent, tokensPerSecond } from "./figures";

const tokens = Array.from({ length: 11 }, () => ({ text: "", start: 0, end: 0, logprob: 0, top: [] }));

describe("figures", () => {
  it("count tokens a second from the first one on", () => {
    expect(tokensPerSecond({ tokens, seconds: 1.5, seconds_to_first_token: 0.5 })).toBe(10);
  });

  it("say nothing where there is nothing to say", () => {
    expect(tokensPerSecond({ tokens: tokens.slice(0, 1), seconds: 1, seconds_to_first_token: 0.5 })).toBeNull();
    expect(tokensPerSecond({ tokens, seconds: null, seconds_to_first_token: null })).toBeNull();
  });

  it("never call a small probability none", () => {
    expect([0, 0.00001, 0.0123, 0.987].map(percent)).toEqual(["0.0 %", "< 0.1 %", "1.2 %", "99 %"].map((text) => text.replaceAll(" ", "\u00a0")));
  });

  it("doubt more what is less likely", () => {
    expect([1, 0.7, 0.5, 0.2, 0.01].map((probability) => doubt(Math.log(probability)))).toEqual([0, 1, 2, 3, 4]);
  });
});
