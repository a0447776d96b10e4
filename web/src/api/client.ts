/** Calls to the server, each with the token; errors carry the server's sentence. */

import { readEvents, type ServerEvent } from "./sse";

export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string | null,
  ) {
    super(message);
  }
}

const UNREACHABLE = "The server does not answer. Is `emendo serve` still running?";
const FIRST_PAUSE = 400;
const LONGEST_PAUSE = 5000;

export class Api {
  /** Called when the server refuses the token, as it does after a restart. */
  onRefused: () => void = () => undefined;

  constructor(readonly token: string) {}

  get<T>(path: string): Promise<T> {
    return this.#json<T>("GET", path);
  }

  post<T>(path: string, body: unknown = {}): Promise<T> {
    return this.#json<T>("POST", path, body);
  }

  patch<T>(path: string, body: unknown): Promise<T> {
    return this.#json<T>("PATCH", path, body);
  }

  async delete(path: string): Promise<void> {
    await this.#fetch("DELETE", path);
  }

  /** The file that a path answers with. */
  async file(path: string): Promise<Blob> {
    return (await this.#fetch("GET", path)).blob();
  }

  /** Events of a POST that streams its answer once. */
  async *postEvents(path: string, body: unknown, signal: AbortSignal): AsyncGenerator<ServerEvent> {
    const response = await this.#fetch("POST", path, body, { signal });
    if (response.body) yield* readEvents(response.body);
  }

  /** Events of a path; where the connection breaks, it goes on after the last event that came. */
  async *events(path: string, signal: AbortSignal): AsyncGenerator<ServerEvent> {
    let last: string | null = null;
    let pause = FIRST_PAUSE;
    while (!signal.aborted) {
      try {
        const headers: Record<string, string> = last === null ? {} : { "Last-Event-ID": last };
        const response = await this.#fetch("GET", path, undefined, { signal, headers });
        if (!response.body) return;
        for await (const event of readEvents(response.body)) {
          if (event.id !== null) last = event.id;
          pause = FIRST_PAUSE;
          yield event;
        }
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    }
  }

  async #json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.#fetch(method, path, body);
    return (response.status === 204 ? null : await response.json()) as T;
  }

  async #fetch(method: string, path: string, body?: unknown, more: { signal?: AbortSignal; headers?: Record<string, string> } = {}) {
    const headers: Record<string, string> = { Authorization: `Bearer ${this.token}`, ...more.headers };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const request: RequestInit = { method, headers, cache: "no-store" };
    if (body !== undefined) request.body = JSON.stringify(body);
    if (more.signal) request.signal = more.signal;
    let response: Response;
    try {
      response = await fetch(path, request);
    } catch (error) {
      throw more.signal?.aborted ? error : new ApiError(UNREACHABLE, 0, "unreachable");
    }
    if (response.ok) return response;
    if (response.status === 401) this.onRefused();
    throw await readError(response);
  }
}

async function readError(response: Response): Promise<ApiError> {
  try {
    const { error } = (await response.json()) as { error: { message: string; code: string | null } };
    return new ApiError(error.message, response.status, error.code);
  } catch {
    return new ApiError(`The server answered with status ${response.status}.`, response.status, null);
  }
}
