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

  /** Starts the work and follows it to its end. */
  start(model: string, input: Record<string, unknown>): Promise<void> {
    return this.#watch(() => this.api.post<Job<Result>>("/api/jobs", { kind: this.kind, model, ...input }));
  }

  /** Takes up work that was started before, here or in another tab. */
  resume(job: Job<Result>): Promise<void> {
    return this.#watch(async () => job);
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

  async #watch(begin: () => Promise<Job<Result>>): Promise<void> {
    this.forget();
    const abort = new AbortController();
    this.#abort = abort;
    try {
      const job = await begin();
      if (abort.signal.aborted) return;
      this.job = job;
      if (this.isBusy) await this.#listen(job, abort.signal);
      if (!abort.signal.aborted && this.job.state === "failed") this.error = this.job.error ?? "The work failed; the server's log says why.";
    } catch (error) {
      if (!abort.signal.aborted) this.error = error instanceof Error ? error.message : String(error);
    }
  }

  async #listen(job: Job<Result>, signal: AbortSignal): Promise<void> {
    for await (const event of this.api.events(`/api/jobs/${job.id}/events`, signal)) {
      if (event.name === "progress") this.job = { ...job, ...(event.data as Partial<Job<Result>>), state: "running" };
      else if (event.name === "partial") this.partial = event.data as Result;
      else if (event.name === "end") {
        this.job = event.data as Job<Result>;
        return;
      }
    }
  }
}
