/** The icon, drawn: lines of text on a tile, and a point where something is wrong. A pixel's share of a shape follows from its distance to
 * the shape's edge. */

import { deflateSync, crc32 } from "node:zlib";

type Colour = readonly [number, number, number];
type Distance = (x: number, y: number) => number;

// Of a square of 32 units.
const SHAPES: [Distance, Colour][] = [
  [tile(16, 16, 16, 9), [15, 118, 110]],
  [line(10, 22, 9), [255, 255, 255]],
  [line(10, 18, 16), [255, 255, 255]],
  [line(10, 22, 23), [255, 255, 255]],
  [(x, y) => Math.hypot(x - 23.5, y - 16) - 2.2, [252, 211, 77]],
];

/** The icon as a PNG of some pixels a side. */
export function icon(size: number): Buffer {
  const rows = Buffer.alloc(size * (1 + 4 * size));
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      let [red, green, blue, alpha] = [0, 0, 0, 0];
      for (const [distance, colour] of SHAPES) {
        const inside = 0.5 - distance(((x + 0.5) * 32) / size, ((y + 0.5) * 32) / size) * (size / 32);
        const share = Math.max(0, Math.min(1, inside));
        if (share === 0) continue;
        alpha = share + alpha * (1 - share);
        red += (colour[0] - red) * share;
        green += (colour[1] - green) * share;
        blue += (colour[2] - blue) * share;
      }
      // Without the ground's darkness at the tile's edge.
      rows.set(alpha > 0 && alpha < 1 ? [15, 118, 110, alpha * 255] : [red, green, blue, alpha * 255], y * (1 + 4 * size) + 1 + 4 * x);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header.set([8, 6, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

function tile(cx: number, cy: number, half: number, radius: number): Distance {
  return (x, y) => {
    const dx = Math.abs(x - cx) - half + radius;
    const dy = Math.abs(y - cy) - half + radius;
    return Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0) - radius;
  };
}

function line(from: number, to: number, at: number): Distance {
  return (x, y) => Math.hypot(x - Math.max(from, Math.min(to, x)), y - at) - 1.5;
}

function chunk(kind: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(kind, "latin1"), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}
