/** What the server says, for editors and readers: no page loads this file. */

/**
 * @typedef {object} Caption
 * @property {number} turn number of the turn; a later caption of the same turn replaces this one
 * @property {string} text
 * @property {{text: string, start: number, end: number}[]} words times in seconds of the session
 * @property {number} stable how many of the first words will not change
 * @property {number} start seconds since the session began
 * @property {number} end
 * @property {number} heard up to when sound had been heard
 * @property {boolean} final true where nothing will change any more
 */

/**
 * Once a second, from the server; every field may be null where it is not known yet.
 * @typedef {object} Stats
 * @property {string} state
 * @property {number} fps_in frames a second that reached the server
 * @property {number} fps_out frames a second that it sent back
 * @property {number} round_trip seconds
 * @property {number} loss share of packets lost, 0 to 1
 * @property {number} jitter seconds
 * @property {number} bitrate_in bit/s
 * @property {number} bitrate_out bit/s
 * @property {number} caption_lag seconds from the sound to its caption
 * @property {number} dropped_frames
 * @property {number} dropped_audio
 * @property {number} seconds length of the session
 */

/**
 * Something that was seen and is remembered.
 * @typedef {object} Moment
 * @property {number} number tells it from the others of its session
 * @property {number} time seconds of the session
 * @property {string} text what was seen, in words
 * @property {string | null} image a small picture of it, as a data URL
 */

/**
 * What the answer in progress is made from.
 * @typedef {object} Evidence
 * @property {string} response_id
 * @property {string} item_id
 * @property {{number: number, time: number, text: string}[]} moments in order of time
 */

/**
 * How much each part of the picture matters to the model.
 * @typedef {object} Relevance
 * @property {number} time seconds of the session
 * @property {string} about what it looks for; empty where nobody asked
 * @property {number[][]} values rows of the picture from the top, each from the left, 0 to 1
 */

/**
 * What draws at a server: `session.eyeline.generation`, null where nothing does.
 * @typedef {object} Draws
 * @property {string} about what it is, for a person
 * @property {boolean} stand_in true where no model draws
 * @property {number | number[]} size pixels of its pictures
 * @property {number} rate pictures a second
 * @property {Record<string, number>} samplers each with its own number of steps
 * @property {string[]} things that it knows by name
 * @property {string[]} backgrounds
 */

/**
 * How drawing goes, from the server.
 * @typedef {object} DrawingStatus
 * @property {"off" | "waiting" | "drawing" | "paused" | "full"} state
 * @property {string} sampler
 * @property {number} steps in use now
 * @property {number} rate pictures a second that are aimed at now
 * @property {number} fps pictures shown in the last second
 * @property {number} queue pictures that wait to be shown
 * @property {number | null} delay_ms from the last control to the first picture drawn with it
 * @property {boolean} degraded whether steps or rate are below what was wished
 * @property {number} pictures shown since drawing began
 * @property {string[]} notices
 */

/** @typedef {{x: number, y: number}} Point a place in the picture, 0 to 1 from the left and top */

export {};
