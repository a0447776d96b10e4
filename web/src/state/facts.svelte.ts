/** The facts that were changed: the ledger, the edit in the making, and what its canaries say. */

import type { Api } from "../api/client";
import type { Answer, Canary, Entry, Fix, Job, Ledger, Message, Preview } from "../api/types";
import { Run } from "./run.svelte";

const DRAFT = "emendo.edit";

export interface EditDraft {
  sentence: string;
  subject: [number, number] | null; // characters of the sentence
  targetNew: string;
  targetTrue: string;
  layer: number | null;
  strength: number;
  why: string;
  who: string;
  /** The answer that asked for it, to be given again afterwards. */
  origin: { user: string; revision: string } | null;
}

interface Kept {
  model: string;
  draft: EditDraft | null;
  preview: string | null;
}

export interface CanaryReport {
  canaries: Canary[];
}

export class Facts {
  ledger = $state.raw<Ledger>({ revision: "original", entries: [] });
  draft = $state<EditDraft | null>(null);
  committed = $state.raw<Entry | null>(null);
  readonly preview: Run<Preview>;
  readonly canaries: Run<CanaryReport>;

  inForce = $derived(this.ledger.entries.filter((entry) => entry.kind === "edit" && entry.in_force));

  constructor(private readonly api: Api) {
    this.preview = new Run(api, "preview");
    this.canaries = new Run(api, "canaries");
  }

  async load(model: string): Promise<void> {
    this.ledger = await this.api.get<Ledger>(`/api/models/${encodeURIComponent(model)}/ledger`);
  }

  /** Opens the drawer on an empty edit, or on one that is partly filled in. */
  begin(who: string, filled: Partial<EditDraft> = {}): void {
    this.committed = null;
    this.preview.forget();
    this.draft = { sentence: "", subject: null, targetNew: "", targetTrue: "", layer: null, strength: 1, why: "", who, origin: null, ...filled };
  }

  /** Opens the drawer on the words that someone marked as wrong. */
  async beginFix(model: string, who: string, conversation: string, question: Message, message: Message, answer: Answer, wrong: { start: number; end: number }) {
    const fix = await this.api.post<Fix>("/api/fixes", {
      model,
      conversation,
      message: message.id,
      answer: answer.id,
      question: question.content,
      answer_text: answer.content,
      wrong,
    });
    const at = fix.prompt.indexOf("{}");
    const subject: [number, number] | null = at < 0 ? null : [at, at + fix.subject.length];
    this.begin(who, {
      sentence: fix.prompt.replace("{}", fix.subject),
      subject,
      targetTrue: fix.target_old,
      origin: { user: question.id, revision: answer.revision },
    });
  }

  close(): void {
    this.draft = null;
    this.committed = null;
    this.preview.forget();
    sessionStorage.removeItem(DRAFT);
  }

  /** Keeps the draft and its preview's id for this tab, so that a reload loses neither. */
  keep(model: string): void {
    const kept: Kept = { model, draft: this.draft, preview: this.preview.job?.id ?? null };
    if (this.committed) sessionStorage.removeItem(DRAFT);
    else sessionStorage.setItem(DRAFT, JSON.stringify(kept));
  }

  /** What the draft asks for; null while something is missing. */
  request(): Record<string, unknown> | null {
    const draft = this.draft;
    if (!draft?.subject || !draft.targetNew.trim()) return null;
    const [start, end] = draft.subject;
    const request: Record<string, unknown> = {
      subject: draft.sentence.slice(start, end),
      prompt: `${draft.sentence.slice(0, start)}{}${draft.sentence.slice(end)}`.trim(),
      target_new: draft.targetNew.trim(),
    };
    if (draft.targetTrue.trim()) request.target_true = draft.targetTrue.trim();
    if (draft.layer !== null) request.layer = draft.layer;
    return request;
  }

  /** Records the previewed edit, and sends the canaries out after it. */
  async commit(model: string, strength: number): Promise<Entry> {
    const { draft } = this;
    if (!draft || !this.preview.job) throw new Error("There is no preview to commit.");
    const body = { preview: this.preview.job.id, strength, why: draft.why.trim(), who: draft.who.trim() };
    const entry = await this.api.post<Entry>(`/api/models/${encodeURIComponent(model)}/edits`, body);
    await this.load(model);
    this.committed = entry;
    const { subject, prompt, target_new } = this.request() ?? {};
    void this.canaries.start(model, { subject, prompt, target_new });
    return entry;
  }

  async revert(model: string, entries: number[], why: string): Promise<void> {
    await this.api.post(`/api/models/${encodeURIComponent(model)}/reverts`, { entries, why });
    await this.#settle(model);
  }

  async restore(model: string, entry: number, why: string): Promise<void> {
    await this.api.post(`/api/models/${encodeURIComponent(model)}/restores`, { entry, why });
    await this.#settle(model);
  }

  checkAll(model: string): void {
    void this.canaries.start(model, {});
  }

  /** Takes up what was begun or running before the page was loaded. */
  resume(model: string, jobs: Job[]): void {
    const canaries = jobs.find((job) => job.kind === "canaries" && job.state !== "cancelled" && job.state !== "failed");
    if (canaries && this.inForce.length) void this.canaries.resume(canaries as Job<CanaryReport>);
    const kept = JSON.parse(sessionStorage.getItem(DRAFT) ?? "null") as Kept | null;
    const own = kept?.model === model ? kept : null;
    const preview = own ? jobs.find((job) => job.id === own.preview) : jobs.find((job) => job.kind === "preview" && isUnfinished(job));
    if (own?.draft) this.begin(own.draft.who, own.draft);
    else if (preview) this.begin("", fromInput(preview.input));
    if (preview) void this.preview.resume(preview as Job<Preview>);
  }

  async #settle(model: string): Promise<void> {
    await this.load(model);
    if (this.inForce.length) this.checkAll(model);
    else this.canaries.forget();
  }
}

function isUnfinished(job: Job): boolean {
  return job.state === "queued" || job.state === "running";
}

/** The draft that a job was started from. */
function fromInput(input: Record<string, unknown>): Partial<EditDraft> {
  const prompt = String(input.prompt ?? "");
  const subject = String(input.subject ?? "");
  const at = prompt.indexOf("{}");
  return {
    sentence: prompt.replace("{}", subject),
    subject: at < 0 ? null : [at, at + subject.length],
    targetNew: String(input.target_new ?? ""),
    targetTrue: String(input.target_true ?? ""),
    layer: typeof input.layer === "number" ? input.layer : null,
  };
}
