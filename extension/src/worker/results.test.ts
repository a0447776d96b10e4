import { expect, test } from "vitest";
import { type Index, withNewest } from "./results";

test("the oldest results go once there are too many, or too much of them", () => {
  let index: Index = [];
  for (let n = 0; n < 250; n += 1) ({ index } = withNewest(index, String(n), 10));
  expect(index).toHaveLength(200);
  expect(index[0]?.[0]).toBe("50");
  const { index: large, dropped } = withNewest(index, "large", 3_999_000);
  expect(dropped).toContain("50");
  expect(large.at(-1)?.[0]).toBe("large");
  expect(large.reduce((sum, [, size]) => sum + size, 0)).toBeLessThanOrEqual(4_000_000);
});

test("a result that comes again is the newest, and one that is too large is not kept", () => {
  const index: Index = [["a", 1], ["b", 1]];
  expect(withNewest(index, "a", 2)).toEqual({ index: [["b", 1], ["a", 2]], dropped: [] });
  expect(withNewest(index, "huge", 9_000_000)).toEqual({ index: [], dropped: ["a", "b", "huge"] });
});
