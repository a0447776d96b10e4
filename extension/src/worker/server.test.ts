import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import type { CheckEvent } from "../messages";
import { verify } from "./server";

const PAIR = { question: "東京?", answer: "🇯🇵", model: null };
const CLAIM = 'event: claim\ndata: {"verdict": "supported", "claim": "x", "start": 0, "end": 1}\n\n';
const SUMMARY = 'event: summary\ndata: {"checked": 1, "checkable": 1}\n\n';

async function all(events: AsyncIterable<CheckEvent>): Promise<CheckEvent[]> {
  const found: CheckEvent[] = [];
  for await (const event of events) found.push(event);
  return found;
}

/** What comes of a check against a server that answers so. */
async function against(answer: RequestListener): Promise<CheckEvent[]> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await new Promise((listening) => server.once("listening", listening));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    return await all(verify(PAIR, { address, token: "t" }));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const stream = (body: string, isCut = false) =>
  against((_request, response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write(body, () => (isCut ? setTimeout(() => response.destroy(), 50) : response.end()));
  });

const why = (events: CheckEvent[]) => {
  const last = events.at(-1);
  return last?.kind === "failed" ? last.why : `not failed but ${last?.kind}`;
};

test("a whole check is told claim by claim, and done", async () => {
  const events = await stream(`: hello\n\n${CLAIM}${SUMMARY}`);
  expect(events.map((event) => event.kind)).toEqual(["claim", "done"]);
});

test("question and answer are sent whole, with the token, and nothing else is", async () => {
  let got: IncomingMessage | null = null;
  let body = "";
  await against((request, response) => {
    got = request;
    request.on("data", (part: Buffer) => (body += part.toString())).on("end", () => response.writeHead(200).end(CLAIM + SUMMARY));
  });
  expect(JSON.parse(body)).toEqual(PAIR);
  expect((got as IncomingMessage | null)?.headers.authorization).toBe("Bearer t");
});

test.each([
  ["a stream without a summary", () => stream(CLAIM), "The server stopped in the middle."],
  ["a connection that is cut", () => stream(CLAIM, true), "The server stopped in the middle."],
  ["an empty stream", () => stream(""), "The server stopped in the middle."],
  ["counts that do not agree", () => stream(CLAIM + CLAIM + SUMMARY), "The server's counts do not agree with its claims."],
  ["what is no JSON", () => stream("event: claim\ndata: {\n\n"), "The server's answer cannot be read."],
  ["an error in the stream", () => stream('event: error\ndata: {"error": {"message": "It broke."}}\n\n'), "It broke."],
  ["a wrong token", () => against((_, response) => response.writeHead(401).end("{}")), "The server does not take this token"],
  ["a refusal", () => against((_, response) => response.writeHead(404).end('{"error": {"message": "No judge."}}')), "No judge."],
  ["another program", () => against((_, response) => response.writeHead(500).end("<html>")), "status 500"],
  ["a page instead of a stream", () => stream("<html></html>"), "The server stopped in the middle."],
])("%s is a check that failed", async (_name, events, expected) => {
  expect(why(await events())).toContain(expected);
});

test("no server, or none that listens, is a check that failed", async () => {
  expect(why(await all(verify(PAIR, { address: "", token: "" })))).toContain("No server is set");
  expect(why(await all(verify(PAIR, { address: "http://127.0.0.1:9", token: "" })))).toContain("Nothing answers");
});
