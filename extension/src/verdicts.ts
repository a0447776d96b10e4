/** What the server says of an answer. Whatever does not read as one of five verdicts is a check that failed, never support. */

export const VERDICTS = {
  refuted: { sign: "✗", name: "refuted" },
  supported: { sign: "✓", name: "supported" },
  not_enough_evidence: { sign: "?", name: "not enough evidence" },
  check_failed: { sign: "!", name: "check failed" },
  not_checkable: { sign: "–", name: "not checkable" },
} as const;

export type Verdict = keyof typeof VERDICTS;

export interface Passage {
  text: string;
  source: string;
  locator: string | null;
  date: string | null;
}

export interface Claim {
  verdict: Verdict;
  /** The words of the answer that make the claim, and where they stand in it, in UTF-16 units. */
  quote: string;
  start: number;
  end: number;
  why: string;
  correction: string | null;
  confidence: number | null;
  passages: Passage[];
  /** The entry of the ledger that taught the model to say so. */
  entry: number | null;
}

export interface Summary {
  checked: number;
  checkable: number;
}

/** A check that went through to its end: only such a one is kept. */
export interface Result {
  claims: Claim[];
  summary: Summary;
}

/** A claim out of an event's data. */
export function readClaim(data: unknown): Claim {
  const given = record(data);
  const verdict = given["verdict"];
  return {
    verdict: isVerdict(verdict) ? verdict : "check_failed",
    quote: text(given["claim"]) ?? "",
    start: number(given["start"]) ?? 0,
    end: number(given["end"]) ?? 0,
    why: text(given["why"]) ?? "",
    correction: text(given["correction"]),
    confidence: number(given["confidence"]),
    passages: Array.isArray(given["passages"]) ? given["passages"].map(readPassage) : [],
    entry: number(given["entry"]),
  };
}

/** The counts of a whole report; null where the data is none, or does not agree with the claims that came. */
export function readSummary(data: unknown, claims: readonly Claim[]): Summary | null {
  const given = record(data);
  const summary = { checked: number(given["checked"]), checkable: number(given["checkable"]) };
  const { checked, checkable } = countsOf(claims);
  return summary.checked === checked && summary.checkable === checkable ? { checked, checkable } : null;
}

/** Decided claims, and those that evidence could decide. */
export function countsOf(claims: readonly Claim[]): Summary {
  const of = (verdict: Verdict) => claims.filter((claim) => claim.verdict === verdict).length;
  return { checked: of("supported") + of("refuted"), checkable: claims.length - of("not_checkable") };
}

/** Whether every claim that can be checked was, and is borne out. */
export function isAllSupported(claims: readonly Claim[]): boolean {
  const checkable = claims.filter((claim) => claim.verdict !== "not_checkable");
  return checkable.length > 0 && checkable.every((claim) => claim.verdict === "supported");
}

function isVerdict(value: unknown): value is Verdict {
  return typeof value === "string" && Object.hasOwn(VERDICTS, value);
}

function readPassage(data: unknown): Passage {
  const given = record(data);
  return {
    text: text(given["text"]) ?? "",
    source: text(given["source"]) ?? "",
    locator: text(given["locator"]),
    date: text(given["date"]),
  };
}

function record(data: unknown): Record<string, unknown> {
  return typeof data === "object" && data !== null ? (data as Record<string, unknown>) : {};
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
