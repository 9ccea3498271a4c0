/** Calls of one page, one after another, as one history: its second 0 is that of the first call. */

/** @typedef {import("./history.js").Entry} Entry */
/** @typedef {{id: string, at: Date, entries: Entry[]}} PageCall */

/** @param {readonly PageCall[]} calls @returns {Entry[]} */
export function joined(calls) {
  let turns = 0;
  return calls.flatMap(({ at, entries }) => {
    const [by, before] = [(at.getTime() - calls[0].at.getTime()) / 1000, turns];
    turns = Math.max(before, ...entries.map((entry) => before + (entry.turn ?? 0)));
    return entries.map((entry) => moved(entry, by, before));
  });
}

/** @param {Entry} entry @param {number} by seconds @param {number} before turns of earlier calls @returns {Entry} */
function moved(entry, by, before) {
  const later = (part) => ({ ...part, time: part.time + by });
  const fields = { ...entry };
  for (const name of ["time", "start", "end", "heard"]) if (name in fields) fields[name] += by;
  if ("turn" in fields) fields.turn += before;
  if (fields.words) fields.words = fields.words.map((word) => ({ ...word, start: word.start + by, end: word.end + by }));
  if (fields.moments) fields.moments = fields.moments.map(later);
  if (fields.moment) fields.moment = later(fields.moment);
  if (fields.corrected) fields.corrected = fields.corrected.map((each) => ({ ...each, turn: each.turn + before }));
  return fields;
}
