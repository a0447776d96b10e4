import { describe, expect, it } from "vitest";
import type { Message } from "../api/types";
import { walk, withMessage } from "./thread";

const message = (id: string, parent: string | null, role: Message["role"]): Message => ({ id, parent, role, content: id, created: "" });
const TREE = [
  message("q1", null, "user"),
  message("a1", "q1", "assistant"),
  message("a2", "q1", "assistant"),
  message("q2", "a1", "user"),
  message("q1b", null, "user"),
  message("a3", "q1b", "assistant"),
];

describe("the line through the tree of messages", () => {
  it("takes the newest version where none was chosen", () => {
    expect(walk(TREE, {}).map((step) => step.message.id)).toEqual(["q1b", "a3"]);
  });

  it("follows what was chosen, and says which version of how many it is", () => {
    const steps = walk(TREE, { "": "q1", q1: "a1" });
    expect(steps.map((step) => step.message.id)).toEqual(["q1", "a1", "q2"]);
    expect(steps[1]).toMatchObject({ versions: ["a1", "a2"], index: 0 });
  });

  it("is empty for a conversation without messages", () => {
    expect(walk([], {})).toEqual([]);
  });
});

describe("a message that came", () => {
  it("takes the place of its earlier self and leaves the others as they are", () => {
    const changed = { ...message("a1", "q1", "assistant"), content: "new" };
    const after = withMessage(TREE, changed);
    expect(after[1]).toBe(changed);
    expect(after.filter((_, index) => index !== 1)).toEqual(TREE.filter((_, index) => index !== 1));
  });

  it("goes to the end if it is new", () => {
    expect(withMessage(TREE, message("z", "q2", "assistant")).at(-1)?.id).toBe("z");
  });
});
