/** One piece of long work on the server, watched from here: progress, partial results, the end, cancelling. */

import type { Api } from "../api/client";
import type { Job, JobKind } from "../api/types";

export class Run<Result> {
  job = $state.raw<Job<Result> | null>(null);
  partial = $state.raw<Result | null>(null);
  error = $state<string | null>(null);

  result = $derived(this.job?.result ?? this.partial);
  isBusy = $derived(this.job !== null && (this.job.state === "queued" || this.job.state === "running"));

  #abort: AbortController | null = null;

  constructor(
    private readonly api: Api,
    readonly kind: JobKind,
  ) {}

  /** Starts the work; its job at the end, null where it was cancelled or failed. */
  async start(model: string, input: Record<string, unknown>): Promise<Job<Result> | null> {
    this.forget();
    try {
      return await this.#watch(await this.api.post<Job<Result>>("/api/jobs", { kind: this.kind, model, ...input }));
    } catch (error) {
      this.error = error instanceof Error ? error.message : String(error);
      return null;
    }
  }

  /** Takes up work that was started before, here or in another tab. */
  async resume(job: Job<Result>): Promise<void> {
    this.forget();
    try {
      await this.#watch(job);
    } catch (error) {
      this.error = error instanceof Error ? error.message : String(error);
    }
  }

  async cancel(): Promise<void> {
    if (this.job) await this.api.delete(`/api/jobs/${this.job.id}`);
  }

  forget(): void {
    this.#abort?.abort();
    this.#abort = null;
    this.job = null;
    this.partial = null;
    this.error = null;
  }

  async #watch(job: Job<Result>): Promise<Job<Result> | null> {
    this.job = job;
    const abort = new AbortController();
    this.#abort = abort;
    for await (const event of this.isBusy ? this.api.events(`/api/jobs/${job.id}/events`, abort.signal) : []) {
      if (event.name === "progress") this.job = { ...this.job, ...(event.data as Partial<Job<Result>>), state: "running" };
      else if (event.name === "partial") this.partial = event.data as Result;
      else if (event.name === "end") {
        this.job = event.data as Job<Result>;
        break;
      }
    }
    if (abort.signal.aborted) return null;
    if (this.job.state === "failed") this.error = sentence(this.job.error);
    return this.job.state === "done" ? this.job : null;
  }
}

function sentence(error: Job["error"]): string {
  if (!error) return "The work failed; the server's log says why.";
  return typeof error === "string" ? error : error.message;
}
