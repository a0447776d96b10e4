import { describe, expect, it } from "vitest";
import type { Trace } from "../api/types";
import { pathOf, valueAt } from "./curves";
import { asCsv, asSvg } from "./exportHeatMap";
import { draw, moveCell } from "./heatMap";

const TRACE: Trace = {
  tokens: ["<s>", " Cali,\"x\"", "fornia"],
  subject_range: [1, 3],
  target: " <b>",
  probability_clean: 0.5,
  probability_corrupted: 0.1,
  n_layers: 4,
  kinds: { states: { effects: [[0, 0, 0, 0], [0.1, -0.2, null, 0.4], [0, 0, 0, 0.2]], standard_errors: [[0, 0, 0, 0], [0.01, 0, 0, 0], [0, 0, 0, 0]] } },
  peak: { states: [1, 3] },
};

describe("curves", () => {
  it("go through the measured points and straight between them", () => {
    const [places, values] = [[0, 0.5, 1.5], [0.2, 0.4, 0.8]];
    expect(places.map((place) => valueAt(places, values, place))).toEqual(values);
    expect(valueAt(places, values, 1)).toBeCloseTo(0.6);
    expect(valueAt(places, values, 9)).toBe(0.8);
  });

  it("have high probabilities at the top", () => {
    expect(pathOf([0, 1], [0, 1], 100, 50)).toBe("M0 50L100 0");
  });
});

describe("the heat map", () => {
  it("shades each measured cell by its share of the largest effect", () => {
    const cells = draw(TRACE, "states", 400).cells;
    expect(cells).toHaveLength(11);
    expect(cells.find((cell) => cell.token === 1 && cell.layer === 3)?.share).toBe(1);
    expect(cells.find((cell) => cell.token === 1 && cell.layer === 1)?.share).toBe(-0.5);
    expect(cells.every((cell) => cell.x + cell.width <= 400 + 1e-9)).toBe(true);
  });

  it("marks the subject", () => {
    expect(draw(TRACE, "states", 400).rows.map((row) => row.isSubject)).toEqual([false, true, true]);
  });

  it("is empty for a kind that was not traced", () => {
    expect(draw(TRACE, "mlp", 400).cells).toEqual([]);
  });

  it("is walked by arrow keys within its borders", () => {
    expect(moveCell(TRACE, [0, 0], "ArrowUp")).toEqual([0, 0]);
    expect(moveCell(TRACE, [1, 3], "ArrowRight")).toEqual([1, 3]);
    expect(moveCell(TRACE, [1, 2], "ArrowDown")).toEqual([2, 2]);
    expect(moveCell(TRACE, [1, 2], "Home")).toEqual([1, 0]);
    expect(moveCell(TRACE, [1, 2], "x")).toBeNull();
  });

  it("is written as CSV with every figure, and as an SVG without foreign markup", () => {
    const lines = asCsv(TRACE, "states").trim().split("\n");
    expect(lines).toHaveLength(1 + 12);
    expect(lines[5]).toBe('1," Cali,""x""",0,0.1,0.01');
    expect(asSvg(TRACE, "states")).toContain("&lt;s&gt;");
    expect(asSvg(TRACE, "states")).not.toContain("<b>");
  });
});
