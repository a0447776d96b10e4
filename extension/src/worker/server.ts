/** Asks the server. Every way in which a check can end but the whole one is told as a failure. */

import { readEvents } from "../../../web/src/api/sse";
import type { CheckEvent } from "../messages";
import type { Pair } from "../pair";
import { type Claim, readClaim, readSummary } from "../verdicts";

const SILENCE = 60_000;

/** The claims of a pair as they come, and one end. */
export async function* verify(pair: Pair, server: { address: string; token: string }): AsyncGenerator<CheckEvent> {
  if (!server.address) {
    yield failed("No server is set; paste the link of 'emendo serve' on the options page.");
    return;
  }
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE);
  const claims: Claim[] = [];
  let isAnswering = false;
  try {
    const response = await fetch(`${server.address}/api/verify`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${server.token}` },
      body: JSON.stringify(pair),
      credentials: "omit",
      redirect: "error",
      signal: silence.signal,
    });
    if (!response.ok || !response.body) {
      yield failed(await refusal(response));
      return;
    }
    isAnswering = true;
    for await (const event of readEvents(response.body)) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE);
      if (event.name === "error") {
        yield failed(messageOf(event.data) ?? "The server failed.");
        return;
      }
      if (event.name === "claim") {
        const claim = readClaim(event.data);
        claims.push(claim);
        yield { kind: "claim", claim };
      }
      if (event.name === "summary") {
        const summary = readSummary(event.data, claims);
        yield summary ? { kind: "done", result: { claims, summary } } : failed("The server's counts do not agree with its claims.");
        return;
      }
    }
    yield failed("The server stopped in the middle.");
  } catch (error) {
    if (error instanceof SyntaxError) yield failed("The server's answer cannot be read.");
    else if (silence.signal.aborted) yield failed(`The server said nothing for ${SILENCE / 1000} seconds.`);
    else if (isAnswering) yield failed("The server stopped in the middle.");
    else yield failed(`Nothing answers at ${server.address}; start 'emendo serve'.`);
  } finally {
    clearTimeout(timer);
  }
}

function failed(why: string): CheckEvent {
  return { kind: "failed", why };
}

async function refusal(response: Response): Promise<string> {
  if (response.status === 401) return "The server does not take this token; paste its link anew on the options page.";
  const body: unknown = await response.json().catch(() => null);
  return messageOf(body) ?? `The server answered with status ${response.status}.`;
}

function messageOf(body: unknown): string | null {
  const message = (body as { error?: { message?: unknown } } | null)?.error?.message;
  return typeof message === "string" ? message : null;
}
