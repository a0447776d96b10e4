import { expect, test } from "vitest";
import { type Claim, countsOf, readClaim, readSummary, VERDICTS } from "../verdicts";
import { wordsOf } from "./badge";
import { History } from "./history";

const claim = (verdict: string, entry: number | null = null): Claim => readClaim({ verdict, claim: "x", start: 0, end: 1, entry });
const done = (...claims: Claim[]) => ({ kind: "done" as const, result: { claims, summary: countsOf(claims) } });

test("only what was checked in whole and borne out in whole looks right", () => {
  expect(wordsOf(done(claim("supported"), claim("not_checkable")), false).look).toBe("supported");
  for (const verdict of ["not_enough_evidence", "check_failed", "refuted"]) {
    expect(wordsOf(done(claim("supported"), claim(verdict)), false).look).not.toBe("supported");
  }
  expect(wordsOf(done(), false).look).toBe("");
  expect(wordsOf(done(claim("not_checkable")), false).look).toBe("");
  expect(wordsOf(done(claim("supported")), true).look).toBe("");
  const others = [
    { kind: "unchecked" as const },
    { kind: "waiting" as const },
    { kind: "checking" as const, claims: [claim("supported")] },
    { kind: "failed" as const, why: "Nothing answers.", claims: [claim("supported")] },
  ];
  for (const standing of others) expect(wordsOf(standing, false).look).not.toBe("supported");
});

test("all five verdicts are counted, with the coverage, and edits beside them", () => {
  const { text } = wordsOf(done(...Object.keys(VERDICTS).map((verdict) => claim(verdict)), claim("supported", 3)), false);
  expect(text).toBe(
    "Checked 3 of 5 checkable claims: 1 refuted, 2 supported, 1 not enough evidence, 1 check failed, 1 not checkable, 1 edited on purpose",
  );
});

test("a failure says so, and what was found until then", () => {
  const failed = wordsOf({ kind: "failed", why: "Nothing answers.", claims: [] }, false);
  expect(failed).toEqual({ text: "Could not be checked. Nothing answers.", look: "check_failed", action: "Try again" });
  expect(wordsOf({ kind: "failed", why: "It stopped.", claims: [claim("refuted")] }, false).text).toContain("Until then: 1 refuted.");
});

test("a verdict that nobody knows is a failed check, and counts that do not agree are no summary", () => {
  for (const verdict of ["true", "", null, 1, "constructor"]) expect(readClaim({ verdict }).verdict).toBe("check_failed");
  expect(readClaim(null).verdict).toBe("check_failed");
  const claims = [claim("supported"), claim("refuted")];
  expect(readSummary({ checked: 2, checkable: 2 }, claims)).toEqual({ checked: 2, checkable: 2 });
  expect(readSummary({ checked: 2, checkable: 2 }, claims.slice(1))).toBeNull();
  expect(readSummary({}, claims)).toBeNull();
  expect(readSummary({ checked: Number.NaN, checkable: 2 }, claims)).toBeNull();
});

test("more than five old answers of a conversation are asked about, also when they come in parts", () => {
  const history = new History();
  expect(history.decide("/c/1", 6)).toBe("ask");
  expect(history.decide("/c/2", 4)).toBe("check");
  expect(history.decide("/c/2", 2)).toBe("ask");
  history.choose("new");
  expect(history.decide("/c/2", 1)).toBe("leave");
  expect(history.decide("/c/3", 5)).toBe("check");
  expect(history.decide("/c/3", 9)).toBe("ask");
  history.choose("all");
  expect(history.decide("/c/3", 9)).toBe("check");
});
