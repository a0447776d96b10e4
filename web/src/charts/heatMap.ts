/** A causal trace as a picture: one rectangle a token and layer, shaded by its share of the largest effect. */

import type { Trace, TraceKind } from "../api/types";

export interface Cell {
  token: number;
  layer: number;
  x: number;
  y: number;
  width: number;
  height: number;
  effect: number;
  /** Share of the largest effect, −1…1. */
  share: number;
}

export interface Drawing {
  width: number;
  height: number;
  left: number;
  cells: Cell[];
  rows: { text: string; y: number; isSubject: boolean }[];
  columns: { text: string; x: number }[];
}

const ROW = 19;
const BOTTOM = 18;
const LABELS = 96;
const LONGEST = 13;

/** The picture of one kind of effect in a given width. */
export function draw(trace: Trace, kind: TraceKind, width: number): Drawing {
  const effects = trace.kinds[kind]?.effects ?? [];
  const step = (width - LABELS) / Math.max(1, trace.n_layers);
  const values = effects.flat().filter((value): value is number => value !== null);
  const largest = Math.max(0.01, ...values.map(Math.abs));
  const cells = effects.flatMap((row, token) =>
    row.flatMap((effect, layer) =>
      effect === null ? [] : [{ token, layer, x: LABELS + layer * step, y: token * ROW, width: step, height: ROW, effect, share: effect / largest }],
    ),
  );
  const [from, to] = trace.subject_range;
  const every = trace.n_layers > 20 ? 5 : 2;
  return {
    width,
    height: trace.tokens.length * ROW + BOTTOM,
    left: LABELS,
    cells,
    rows: trace.tokens.map((text, token) => ({ text: shorten(text) + (token >= from && token < to ? "*" : ""), y: token * ROW, isSubject: token >= from && token < to })),
    columns: Array.from({ length: trace.n_layers }, (_, layer) => layer)
      .filter((layer) => layer % every === 0)
      .map((layer) => ({ text: String(layer), x: LABELS + (layer + 0.5) * step })),
  };
}

/** The cell after a key of the keyboard, at the picture's edge the same one; null for other keys. */
export function moveCell(trace: Trace, [token, layer]: [number, number], key: string): [number, number] | null {
  const steps: Record<string, [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -trace.n_layers], End: [0, trace.n_layers] };
  const step = steps[key];
  if (!step) return null;
  const within = (value: number, count: number) => Math.max(0, Math.min(count - 1, value));
  return [within(token + step[0], trace.tokens.length), within(layer + step[1], trace.n_layers)];
}

function shorten(text: string): string {
  const shown = text.replaceAll("\n", "↵").trim() || "␣";
  return shown.length > LONGEST ? `${shown.slice(0, LONGEST - 1)}…` : shown;
}
