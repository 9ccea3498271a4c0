/** Types of server events for editors; no page loads this file. */

/**
 * The payload of each event of a client, in `detail`. The client follows `steering` by itself; `event` is every
 * message of the server.
 * @typedef {object} ClientEvents
 * @property {{state: import("./eyeline.js").CallState, reason: string}} state
 * @property {Caption} caption
 * @property {Translation} translation
 * @property {Speakers} speakers
 * @property {Stats} stats
 * @property {Delay} delay
 * @property {Moment} moment
 * @property {Evidence} evidence
 * @property {Relevance} relevance
 * @property {SteeringEvent} steering
 * @property {Presence} connection
 * @property {{requests: string[]}} requests
 * @property {{level: string, message: string}} notice
 * @property {{message: string, code: string | null, event_id: string | null}} error
 * @property {{type: string, event_id?: string, [field: string]: any}} event
 */

/**
 * A message of the server, and when it arrived, in ms since 1970.
 * @typedef {{at: number, event: {type: string, event_id?: string, [field: string]: any}}} Received
 */

/**
 * @typedef {object} Caption
 * @property {number} turn number of the turn; a later caption of the same turn replaces this one
 * @property {string} text
 * @property {{text: string, start: number, end: number, speaker?: number | null}[]} words times in seconds of
 *   the session; numbers of speakers if there are several
 * @property {number} stable number of first words that will not change
 * @property {number} start seconds since the start of the session
 * @property {number} end
 * @property {number} heard time up to which audio was processed
 * @property {boolean} final true if it will not change any more
 * @property {string} language code of the language that is spoken, such as de
 * @property {string} [english] what it says in English, if that is known
 * @property {boolean} [settled] true if `english` will not change any more
 */

/**
 * What a turn in another language says in English.
 * @typedef {object} Translation
 * @property {number} turn a later translation of the same turn replaces this one
 * @property {string} text
 * @property {string} stable the beginning of `text` that will not change before the final one
 * @property {string} language code of the language that is spoken
 * @property {boolean} final true if it will not change any more
 */

/**
 * Who speaks; speakers of earlier captions may be others than they said, a number for each word.
 * @typedef {object} Speakers
 * @property {{number: number, name: string}[]} speakers
 * @property {{turn: number, speakers: number[]}[]} corrected
 */

/**
 * Statistics, once a second; fields that are not known yet are null.
 * @typedef {object} Stats
 * @property {"live" | "behind"} state
 * @property {number} fps_in frames per second received by the server
 * @property {number} fps_out frames per second sent by the server
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
 * Whether the server keeps up.
 * @typedef {object} Delay
 * @property {"live" | "behind"} state
 * @property {number} caption_delay seconds that the oldest sound without a caption has waited
 * @property {number} look_delay seconds that the oldest frame to be analyzed has waited
 * @property {number} unheard seconds of sound that were dropped
 * @property {number} skipped_looks frames that could not be analyzed in time
 * @property {number} skipped_captions interim captions that could not be made in time
 * @property {string} message for the user
 */

/**
 * How the connection of this client is, as the server sees it.
 * @typedef {object} Presence
 * @property {"connected" | "away"} client
 * @property {number | null} ends_in seconds after which the session ends unless the client is back
 * @property {number} losses how often the client was away
 * @property {number} returns how often it came back
 * @property {number} waits seconds for which the server keeps a session whose client is away
 * @property {boolean} events_lost events of the time away are not kept any more
 */

/**
 * A remembered moment of the video.
 * @typedef {object} Moment
 * @property {number} number unique in its session
 * @property {number} time seconds of the session
 * @property {string} text description
 * @property {string | null} image thumbnail as a data URL
 */

/**
 * The moments that the answer in progress is based on.
 * @typedef {object} Evidence
 * @property {string} response_id
 * @property {string} item_id
 * @property {{number: number, time: number, text: string}[]} moments in order of time
 * @property {"now" | "past" | "both" | "none"} [scope] what a model is shown of the stream
 */

/**
 * The relevance of each part of the frame to the model.
 * @typedef {object} Relevance
 * @property {number} time seconds of the session
 * @property {string} about the subject of the map; empty without a question
 * @property {number | null} confidence how sure the model is of what the frame shows, 0 to 1
 * @property {number[][]} values rows from the top, each from the left, 0 to 1
 */

/**
 * A part of the frame, in fractions from the left and the top, and what is added to its quantizer.
 * @typedef {{left: number, top: number, right: number, bottom: number, offset: number}} Region
 */

/**
 * What the client is asked to send; of regions that overlap, the first applies.
 * @typedef {object} SteeringEvent
 * @property {{maxBitrate: number, maxFramerate: number, scaleResolutionDownBy: number, scalabilityMode: string}} encoding
 * @property {Region[]} regions
 * @property {boolean} focus whether bits are scarce and belong to the regions with a low offset
 * @property {"network" | "unknown" | "sure" | "unsure" | "saturated"} reason
 * @property {number | null} confidence
 * @property {string} message the reason in words
 */

/**
 * The generation model of a server: `session.eyeline.generation`, null if there is none.
 * @typedef {object} Draws
 * @property {string} about description for users
 * @property {boolean} stand_in true if it is no model
 * @property {number | number[]} size pixels of its frames
 * @property {number} rate frames per second
 * @property {Record<string, number>} samplers with their default number of steps
 * @property {string[]} things names of those that it knows
 * @property {string[]} backgrounds
 * @property {string[]} colors
 * @property {string[]} sizes
 * @property {string[]} motions
 * @property {number} [max_looks] pictures of its own that a session may have
 */

/**
 * How a prompt was read.
 * @typedef {object} PromptReading
 * @property {string | null} caption what is drawn; null: nothing
 * @property {{name: string, size: string | null, color: string | null, motion: string | null}[]} things in the order of their tracks
 * @property {string | null} background
 * @property {{kind: "thing" | "background" | "attribute" | "action", text: string, nearest: string[]}[]} unknown
 */

/**
 * The status of generation.
 * @typedef {object} DrawingStatus
 * @property {"off" | "waiting" | "refused" | "drawing" | "paused" | "full"} state
 * @property {string} sampler
 * @property {number} steps in use now
 * @property {number} rate current target in frames per second
 * @property {number} fps frames shown in the last second
 * @property {number} queue frames waiting to be shown
 * @property {number | null} delay_ms from the last control to the first frame with it
 * @property {boolean} degraded whether steps or rate are below the requested values
 * @property {number} pictures frames shown since the start
 * @property {string[]} notices
 */

/** @typedef {{x: number, y: number}} Point a position in the frame, 0 to 1 from the left and top */

export {};
