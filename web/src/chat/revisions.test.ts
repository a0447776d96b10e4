import { describe, expect, it } from "vitest";
import type { Entry } from "../api/types";
import { inForceAt } from "../inspector/provenance";
import { answerName, describe as inWords, moments, pillName } from "./revisions";

const entry = (number: number, kind: Entry["kind"], revision: string, reverts: number[] = []): Entry => ({
  number,
  kind,
  when: "",
  who: "ada",
  why: "because",
  revision,
  method: null,
  layers: [],
  relative_norm: null,
  seconds: null,
  requests: kind === "edit" ? [{ subject: `s${number}`, prompt: "{} is", target_new: `t${number}`, target_true: null }] : [],
  in_force: false,
  reverted_by: null,
  reverts,
});
const LEDGER = [entry(1, "edit", "aaa"), entry(2, "edit", "bbb"), entry(3, "revert", "ccc", [1]), entry(4, "edit", "ddd", [2]), entry(5, "revert", "original", [4])];

describe("revisions in words", () => {
  it("name the pill and the panes", () => {
    expect(pillName(1, "original")).toBe("original");
    expect(pillName(1, "current")).toBe("edited");
    expect(pillName(2, "original")).toBe("original | edited");
    expect(pillName(1, "aaa")).toContain("aaa");
    expect(answerName({ revision_name: "current", revision: "original" })).toBe("Edited");
    expect(answerName({ revision_name: "original", revision: "original" })).toBe("Original");
  });

  it("list every moment of the ledger once, newest first, and end with the original", () => {
    expect(moments(LEDGER).map((moment) => moment.revision)).toEqual(["original", "ddd", "ccc", "bbb", "aaa"]);
    expect(moments([]).map((moment) => moment.label)).toEqual(["Original"]);
  });

  it("say what an entry did", () => {
    expect(LEDGER.map(inWords)).toEqual(["s1 → t1", "s2 → t2", "took back #1", "s4 → t4", "took back #4"]);
  });
});

describe("what was in force", () => {
  it("follows reverts and replacements up to the revision", () => {
    const numbers = (revision: string) => inForceAt(LEDGER, revision).map((one) => one.number);
    expect(numbers("original")).toEqual([]);
    expect(numbers("aaa")).toEqual([1]);
    expect(numbers("bbb")).toEqual([1, 2]);
    expect(numbers("ccc")).toEqual([2]);
    expect(numbers("ddd")).toEqual([4]);
    expect(numbers("unknown")).toEqual([]);
  });
});
