import { describe, expect, it } from "vitest";
import { excerpt, groupByAge } from "./groups";

const conversation = (id: string, updated: Date) => ({ id, title: id, model: "m", created: "", updated: updated.toISOString() });

describe("the list of conversations", () => {
  it("is grouped by the days that people count in", () => {
    const now = new Date(2026, 4, 10, 0, 30);
    const list = [conversation("a", new Date(2026, 4, 10, 0, 10)), conversation("b", new Date(2026, 4, 9, 23, 50)), conversation("c", new Date(2026, 4, 5)), conversation("d", new Date(2024, 1, 1))];
    expect(groupByAge(list, now).map((group) => [group.label, group.conversations.map((one) => one.id)])).toEqual([
      ["Today", ["a"]],
      ["Yesterday", ["b"]],
      ["Previous 7 days", ["c"]],
      ["Older", ["d"]],
    ]);
  });

  it("shows what was searched for as every second piece", () => {
    expect(excerpt("the \u0001capital\u0002 of")).toEqual(["the ", "capital", " of"]);
  });
});
