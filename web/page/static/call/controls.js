/** The controls of a call: which are shown and can be used, by its state. */

/** @param {Record<string, any>} page its parts @param {string} state of the call */
export function enable(page, state) {
  const live = state === "live" || state === "muted";
  const away = state === "reconnecting";
  const connecting = state === "connecting";
  const busy = live || away || connecting || state === "opening";
  page.start.disabled = page.sample.disabled = busy;
  page.start.hidden = page.welcome.hidden = live || away || connecting;
  page.mute.hidden = !(live || away);
  page.stop.hidden = !page.start.hidden;
  page.stop.disabled = !(live || away || connecting);
  page.mute.disabled = page.question.disabled = page.send.disabled = !live;
  page.suggestions.inert = !live;
  page.mute.textContent = page.hold.checked ? "Hold to talk" : state === "muted" ? "Unmute" : "Mute";
  page.mute.ariaPressed = String(state === "muted");
}
