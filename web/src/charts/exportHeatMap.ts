/** A heat map as a file: SVG and PNG of the picture, CSV of its figures. */

import type { Trace, TraceKind } from "../api/types";
import { draw, type Drawing } from "./heatMap";

const WIDTH = 720;
const SCALE = 2;
const MARGIN = 16;
const TITLE = 26;
const INK = "#1a1a1a";

interface Shades {
  warm: string;
  cold: string;
}
const SHADES: Shades = { warm: "#0b6b62", cold: "#b3261e" };

/** Lines of token, layer, effect and standard error. */
export function asCsv(trace: Trace, kind: TraceKind): string {
  const { effects = [], standard_errors: errors } = trace.kinds[kind] ?? {};
  const lines = effects.flatMap((row, token) =>
    row.map((effect, layer) => [token, quote(trace.tokens[token] ?? ""), layer, effect ?? "", errors?.[token]?.[layer] ?? ""].join(",")),
  );
  return `${["position,token,layer,effect,standard_error", ...lines].join("\n")}\n`;
}

export function asSvg(trace: Trace, kind: TraceKind): string {
  const picture = draw(trace, kind, WIDTH);
  const { width, height } = size(picture);
  const cells = picture.cells.map(
    ({ x, y, width: w, height: h, share }) =>
      `<rect x="${x.toFixed(2)}" y="${y}" width="${w.toFixed(2)}" height="${h}" fill="${share < 0 ? SHADES.cold : SHADES.warm}" fill-opacity="${Math.abs(share).toFixed(3)}"/>`,
  );
  const rows = picture.rows.map(({ text, y }) => `<text x="${picture.left - 8}" y="${y + 14}" text-anchor="end">${escape(text)}</text>`);
  const columns = picture.columns.map(({ text, x }) => `<text x="${x.toFixed(2)}" y="${picture.height - 3}" text-anchor="middle">${text}</text>`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="12" fill="${INK}">`,
    `<rect width="100%" height="100%" fill="#fff"/><text x="${MARGIN}" y="${MARGIN + 8}">${escape(titleOf(trace, kind))}</text>`,
    `<g transform="translate(${MARGIN} ${MARGIN + TITLE})">${[...cells, ...rows, ...columns].join("")}</g></svg>`,
  ].join("");
}

/** Drawn anew, as a picture made from the SVG would have to be loaded from an address. */
export function asPng(trace: Trace, kind: TraceKind): Promise<Blob> {
  const picture = draw(trace, kind, WIDTH);
  const { width, height } = size(picture);
  const canvas = new OffscreenCanvas(width * SCALE, height * SCALE);
  const pen = canvas.getContext("2d");
  if (!pen) throw new Error("This browser cannot draw a picture.");
  pen.scale(SCALE, SCALE);
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, width, height);
  pen.font = "12px sans-serif";
  pen.fillStyle = INK;
  pen.fillText(titleOf(trace, kind), MARGIN, MARGIN + 8);
  pen.translate(MARGIN, MARGIN + TITLE);
  for (const { x, y, width: w, height: h, share } of picture.cells) {
    pen.globalAlpha = Math.abs(share);
    pen.fillStyle = share < 0 ? SHADES.cold : SHADES.warm;
    pen.fillRect(x, y, w, h);
  }
  pen.globalAlpha = 1;
  pen.fillStyle = INK;
  pen.textAlign = "right";
  for (const { text, y } of picture.rows) pen.fillText(text, picture.left - 8, y + 14);
  pen.textAlign = "center";
  for (const { text, x } of picture.columns) pen.fillText(text, x, picture.height - 3);
  return canvas.convertToBlob({ type: "image/png" });
}

function size({ width, height }: Drawing): { width: number; height: number } {
  return { width: width + 2 * MARGIN, height: height + 2 * MARGIN + TITLE };
}

function titleOf(trace: Trace, kind: TraceKind): string {
  return `${kind}: effect on p(${trace.target.trim()}), token × layer`;
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '""').replaceAll("\n", "\\n")}"`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
