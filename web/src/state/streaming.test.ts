import { describe, expect, it } from "vitest";
import type { Answer, Message } from "../api/types";
import { advance } from "./streaming";

const answer = (id: string): Answer => ({
  id,
  revision_name: "current",
  revision: "original",
  content: "",
  state: "queued",
  finish_reason: null,
  tokens: [],
  seconds: null,
  seconds_to_first_token: null,
  seed: null,
  settings: {},
});
const MESSAGE: Message = { id: "m", parent: "q", role: "assistant", content: "", created: "", answers: [answer("a"), answer("b")] };
const token = (of: string, index: number, text: string) => ({ id: null, name: "token", data: { answer: of, index, text, start: 0, end: text.length, logprob: -1, top: [] } });

describe("a running answer", () => {
  it("grows by its own tokens only", () => {
    const after = [token("a", 0, "Los"), token("b", 0, "Sac"), token("a", 1, " Angeles")].reduce(advance, MESSAGE);
    expect(after.answers?.map((one) => one.content)).toEqual(["Los Angeles", "Sac"]);
    expect(MESSAGE.answers?.[0]?.tokens).toEqual([]);
  });

  it("takes a token once, however often the stream is resumed", () => {
    const after = [token("a", 0, "Los"), token("a", 0, "Los"), token("a", 1, "!")].reduce(advance, MESSAGE);
    expect(after.answers?.[0]?.content).toBe("Los!");
  });

  it("remembers the first difference, and where there is nothing to compare", () => {
    const pair = (index: number, divergence: number | null, differs: boolean) => ({ id: null, name: "pair", data: { index, divergence, differs } });
    const after = [pair(0, 0.1, false), pair(2, 3, true), pair(3, null, true)].reduce(advance, MESSAGE);
    expect(after.divergence).toEqual([0.1, null, 3, null]);
    expect(after.first_difference).toBe(2);
  });

  it("ends with what the server says it is", () => {
    const data = { answer: "b", state: "stopped", finish_reason: "stop", content: "Sac", seconds: 1, seconds_to_first_token: 0.5 };
    expect(advance(MESSAGE, { id: null, name: "end", data }).answers?.[1]).toMatchObject({ state: "stopped", content: "Sac", seconds: 1 });
  });
});
