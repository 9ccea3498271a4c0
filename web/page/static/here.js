/** What parts of the page share. */

/**
 * What a part of the page is given that has a module of its own.
 * @typedef {object} Here
 * @property {HTMLElement} root `.eyeline`
 * @property {Record<string, any>} page elements by their `data-part`
 * @property {(name: string) => HTMLElement} slot the element with this `data-slot`, to be filled
 * @property {import("./tabs.js").Tabs} tabs `offer("sessions")` shows that tab
 * @property {import("./conversation/stream.js").Stream} stream the conversation's items
 * @property {import("./captions.js").CaptionList} captions
 * @property {EventTarget} calls events: open {client} before a call connects, state {state, reason}, in `detail`
 * @property {() => string} key the API key that the user gave, or empty
 */

export {};
