import { describe, expect, it } from "vitest";
import { parseEvent, readEvents } from "./sse";

function body(...chunks: string[]): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(bytes.encode(chunk));
      controller.close();
    },
  });
}

async function all(...chunks: string[]) {
  const events = [];
  for await (const event of readEvents(body(...chunks))) events.push(event);
  return events;
}

describe("server-sent events", () => {
  it("are the same wherever the network cuts them", async () => {
    const text = 'id: 1\nevent: token\ndata: {"text":"a"}\n\n: keep-alive\n\nid: 2\nevent: done\ndata: {}\n\n';
    const whole = await all(text);
    expect(whole.map(({ id, name }) => [id, name])).toEqual([["1", "token"], ["2", "done"]]);
    for (let cut = 1; cut < text.length; cut++) expect(await all(text.slice(0, cut), text.slice(cut))).toEqual(whole);
  });

  it("keep a character whole that the network cut in two", async () => {
    const bytes = new TextEncoder().encode('data: {"text":"é😀"}\n\n');
    for (let cut = 1; cut < bytes.length; cut++) {
      const stream = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(bytes.slice(0, cut));
          controller.enqueue(bytes.slice(cut));
          controller.close();
        },
      });
      for await (const event of readEvents(stream)) expect(event.data).toEqual({ text: "é😀" });
    }
  });

  it("may have lines that end like those of Windows, and data on several of them", async () => {
    expect((await all('event: a\r\ndata: {"x":\r\ndata: 1}\r\n\r\n'))[0]).toEqual({ id: null, name: "a", data: { x: 1 } });
  });

  it("are not made of comments", () => {
    expect(parseEvent(": keep-alive")).toBeNull();
  });
});
