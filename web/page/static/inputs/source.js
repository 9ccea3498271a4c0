/** What every source of a picture is. */

/**
 * A source of a picture, with or without its own sound; close it when it is not sent any more.
 * @typedef {object} Source
 * @property {"camera" | "screen" | "clip" | "picture"} kind
 * @property {string} name for the user
 * @property {MediaStream} stream
 * @property {() => void} close
 */

/**
 * Which source is wanted.
 * @typedef {{kind: "camera", id?: string, facing?: "" | "user" | "environment"} | {kind: "screen"}
 *   | {kind: "file", file: File} | {kind: "address", address: string} | {kind: "sample"}} Picture
 */

export {};
