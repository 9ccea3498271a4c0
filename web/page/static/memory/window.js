/** The part of the session that a timeline shows. Independent of the page. */

const SHORTEST = 10; // seconds at the largest zoom
const FIRST = 20; // seconds that a session shows at its start

/** @typedef {{start: number, span: number}} View in seconds; `span` 0: the whole session */

/** @type {View} */
export const WHOLE = { start: 0, span: 0 };

/** The seconds that are shown, from and to. @param {View} view @param {number} now the length of the session */
export function shown({ start, span }, now) {
  const end = Math.max(now, FIRST);
  if (!span || span >= end) return { from: 0, to: end };
  const from = Math.min(Math.max(0, start), end - span);
  return { from, to: from + span };
}

/** Zoom by `factor` around `time`, which keeps its place. @param {View} view @param {number} factor @param {number} time @param {number} now */
export function zoomed(view, factor, time, now) {
  const { from, to } = shown(view, now);
  const whole = Math.max(now, FIRST);
  const span = Math.max(SHORTEST, (to - from) / factor);
  if (span >= whole) return WHOLE;
  return { start: Math.min(Math.max(0, time - ((time - from) / (to - from)) * span), whole - span), span };
}

/** Move so that `time` is shown. @param {View} view @param {number} time @param {number} now */
export function reaching(view, time, now) {
  const { from, to } = shown(view, now);
  if (!view.span || (time >= from && time <= to)) return view;
  return { ...view, start: Math.max(0, time - view.span / 2) };
}

/** Times for marks on the scale, a round distance apart. @param {number} from @param {number} to @param {number} most how many at most */
export function ticks(from, to, most) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200];
  const step = steps.find((each) => (to - from) / each <= most) ?? 86400;
  const times = [];
  for (let time = Math.ceil(from / step) * step; time <= to; time += step) times.push(time);
  return times;
}
