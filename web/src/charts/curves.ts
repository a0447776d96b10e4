/** Curves over the strength of an edit: their paths, and values between the measured strengths. */

/** The value of a curve at a place between the measured ones, on the straight line there. */
export function valueAt(places: readonly number[], values: readonly number[], place: number): number {
  const after = places.findIndex((other) => other >= place);
  const [x1, y1] = [places[after] ?? 0, values[after] ?? 0];
  if (after <= 0) return after < 0 ? (values.at(-1) ?? 0) : y1;
  const [x0, y0] = [places[after - 1] ?? 0, values[after - 1] ?? 0];
  return x1 === x0 ? y1 : y0 + ((place - x0) / (x1 - x0)) * (y1 - y0);
}

/** The path of a curve of probabilities in a box. */
export function pathOf(places: readonly number[], values: readonly number[], width: number, height: number): string {
  const last = places.at(-1) ?? 1;
  return places.map((place, index) => `${index ? "L" : "M"}${round((place / last) * width)} ${round(height * (1 - (values[index] ?? 0)))}`).join("");
}

function round(value: number): number {
  return Math.round(100 * value) / 100;
}
