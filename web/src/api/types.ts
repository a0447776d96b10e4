/** What the server says and takes, as in its OpenAPI document. */

export type RevisionName = string; // "original", "current" or twelve hex digits

export interface Settings {
  temperature?: number | null;
  top_p?: number | null;
  max_tokens?: number | null;
  seed?: number | null;
  stop?: string[] | null;
  frequency_penalty?: number | null;
  presence_penalty?: number | null;
}

export interface Model {
  id: string;
  name: string;
  digest: string;
  n_layers: number;
  context_length: number;
  revision: string;
  edits_in_force: number;
  defaults: { temperature: number; top_p: number; max_tokens: number; system: string | null };
}

export interface ServerState {
  version: string;
  models: Model[];
  may_edit: boolean;
  has: { verify: boolean };
  who: string;
}

export interface Token {
  text: string;
  start: number;
  end: number;
  logprob: number;
  top: [string, number][];
}

export type AnswerState = "queued" | "running" | "done" | "stopped" | "failed";

export interface Answer {
  id: string;
  revision_name: RevisionName;
  revision: string;
  content: string;
  state: AnswerState;
  finish_reason: string | null;
  error?: string | null;
  tokens: Token[];
  seconds: number | null;
  seconds_to_first_token: number | null;
  seed: number | null;
  settings: Settings;
}

export interface Message {
  id: string;
  parent: string | null;
  role: "user" | "assistant";
  content: string;
  created: string;
  answers?: Answer[];
  divergence?: (number | null)[];
  first_difference?: number | null;
}

export interface ConversationSummary {
  id: string;
  title: string;
  model: string;
  created: string;
  updated: string;
  snippet?: string | null;
}

export interface Conversation extends ConversationSummary {
  system: string | null;
  settings: Settings;
  messages: Message[];
}

export interface PlainToken {
  id: number;
  text: string;
  start: number;
  end: number;
}

export interface Fix {
  subject: string;
  prompt: string;
  target_old: string;
  candidates: string[];
}

export type JobKind = "preview" | "trace" | "canaries" | "blame";
export type JobState = "queued" | "running" | "done" | "failed" | "cancelled";

export interface Job<Result = unknown> {
  id: string;
  kind: JobKind;
  model: string;
  state: JobState;
  stage: string | null;
  done: number;
  total: number;
  created: string;
  seconds: number | null;
  result?: Result | null;
  error?: string | null;
  input: Record<string, unknown>;
}

export interface Preview {
  delta_figures: { method: string; layers: number[]; relative_norm: number; seconds: number; limits?: string[] };
  strengths: number[];
  curves: {
    p_new: number[];
    p_old: number[] | null;
    neighbours: { prompt: string; answer_before: string; p: number[] }[];
  };
  says: { completion: string; chat: string };
}

export type TraceKind = "states" | "mlp" | "attention";

export interface Trace {
  tokens: string[];
  subject_range: [number, number];
  target: string;
  probability_clean: number;
  probability_corrupted: number;
  n_layers: number;
  kinds: Partial<Record<TraceKind, { effects: (number | null)[][]; standard_errors?: (number | null)[][] | null }>>;
  peak: Partial<Record<TraceKind, [number, number] | null>>;
}

export interface Canary {
  kind: "efficacy" | "paraphrase" | "neighbour" | "fluency";
  prompt: string;
  before: string;
  after: string;
  state: "green" | "amber" | "red";
  why: string;
}

export interface Blame {
  token: string;
  logprob: number;
  entries: { number: number; logprob_without: number; difference: number }[];
}

export interface LedgerRequest {
  subject: string;
  prompt: string;
  target_new: string;
  target_true: string | null;
}

export interface Entry {
  number: number;
  kind: "edit" | "revert";
  when: string;
  who: string;
  why: string;
  revision: string;
  method: string | null;
  layers: number[];
  relative_norm: number | null;
  seconds: number | null;
  requests: LedgerRequest[];
  in_force: boolean;
  reverted_by: number | null;
  reverts: number[];
}

export interface Ledger {
  revision: string;
  entries: Entry[];
}

export type Verdict = "supported" | "refuted" | "not_enough_evidence" | "not_checkable" | "check_failed" | "edited_on_purpose";

export interface Passage {
  text: string;
  source: string;
  locator: string | null;
  url?: string | null;
  date?: string | null;
}

export interface Claim {
  verdict: Verdict;
  claim: string;
  start: number;
  end: number;
  correction?: string | null;
  confidence: number | null;
  passages: Passage[];
  entry?: number | null;
}
