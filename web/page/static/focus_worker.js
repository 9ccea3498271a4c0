/** Blurs the frames of a track outside of their relevant regions; runs as a worker of focus.js. */

/** @typedef {import("./types.js").Region} Region */

/** Offsets of the quantizer from which on a region is sent at a fraction of its resolution. */
const FRACTIONS = [[18, 8], [10, 4], [5, 2]];

/** @type {readonly Region[]} */ let regions = [];
/** @type {OffscreenCanvas | null} */ let canvas = null;
/** @type {Map<number, OffscreenCanvas>} */ const small = new Map();

/** By what the width and height of a region are divided. @param {number} offset */
export function fraction(offset) {
  return FRACTIONS.find(([least]) => offset >= least)?.[1] ?? 1;
}

/** Draw `frame` with its regions; the first of them apply where they overlap. */
export function draw(target, frame, width, height, shown) {
  const context = target.getContext("2d", { alpha: false });
  const scaled = new Map();
  context.drawImage(frame, 0, 0, width, height);
  for (const { left, top, right, bottom, offset } of [...shown].reverse()) {
    const by = fraction(offset);
    const [x, y] = [Math.round(left * width), Math.round(top * height)];
    const size = [Math.round(right * width) - x, Math.round(bottom * height) - y];
    if (by === 1) context.drawImage(frame, x, y, ...size, x, y, ...size);
    else {
      if (!scaled.has(by)) scaled.set(by, reduced(frame, Math.ceil(width / by), Math.ceil(height / by), by));
      const source = scaled.get(by);
      const [across, down] = [source.width / width, source.height / height];
      context.drawImage(source, x * across, y * down, size[0] * across, size[1] * down, x, y, ...size);
    }
  }
}

function reduced(frame, width, height, by) {
  const kept = small.get(by);
  const target = kept?.width === width && kept.height === height ? kept : new OffscreenCanvas(width, height);
  small.set(by, target);
  const context = target.getContext("2d", { alpha: false });
  context.imageSmoothingQuality = "medium";
  context.drawImage(frame, 0, 0, width, height);
  return target;
}

function filtered(frame) {
  const { displayWidth: width, displayHeight: height, timestamp } = frame;
  if (canvas?.width !== width || canvas.height !== height) canvas = new OffscreenCanvas(width, height);
  draw(canvas, frame, width, height, regions);
  frame.close();
  return new VideoFrame(canvas, { timestamp, alpha: "discard" });
}

/** Filter every frame until the track ends. No queue holds frames that nobody would close. */
async function run(readable, writable) {
  const [reader, writer] = [readable.getReader(), writable.getWriter()];
  for (;;) {
    const { value: frame, done } = await reader.read();
    if (done) return writer.close();
    const made = filtered(frame);
    await writer.write(made).catch((error) => {
      made.close();
      return reader.cancel().then(() => {
        throw error;
      });
    });
  }
}

globalThis.onmessage = ({ data }) => {
  if (data.regions) regions = data.regions;
  if (!data.readable) return;
  run(data.readable, data.writable).then(
    () => globalThis.close(),
    (error) => {
      setTimeout(() => {
        throw error; // reaches `onerror` of the page
      });
    },
  );
};
