import { describe, expect, it } from "vitest";
import type { Answer, Message } from "../api/types";
import { transcript } from "./transcript";

const answer = (revision_name: string, content: string) => ({ id: content, revision_name, content }) as Answer;
const user = (id: string): Message => ({ id, parent: null, role: "user", content: id, created: "" });
const LINE: Message[] = [
  user("q1"),
  { ...user("a1"), role: "assistant", answers: [answer("original", "Los Angeles"), answer("current", "Sacramento")] },
  user("q2"),
  { ...user("a2"), role: "assistant", answers: [answer("original", "later")] },
];

describe("what a model was given", () => {
  it("holds the answers of its own pane", () => {
    const said = (name: string, pane: number) => transcript(LINE, "q2", null, name, pane).map((line) => line.content);
    expect(said("original", 0)).toEqual(["q1", "Los Angeles", "q2"]);
    expect(said("current", 1)).toEqual(["q1", "Sacramento", "q2"]);
    expect(said("0123456789ab", 1)).toEqual(["q1", "Sacramento", "q2"]);
  });

  it("begins with the system prompt, if there is one", () => {
    expect(transcript(LINE, "q1", "Be brief.", "current", 0)).toEqual([{ role: "system", content: "Be brief." }, { role: "user", content: "q1" }]);
  });
});
