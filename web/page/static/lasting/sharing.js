/** Links that open the session for a second viewer, who sees, hears and reads it and can do nothing else. */

import { element } from "../view.js";
import { button } from "./saving.js";

const LIFETIME = 3600; // seconds
const OPEN = "This server needs no key: whoever reaches it can do everything, with or without this link.";

export class Sharing {
  root = element("section", "", "sharing");
  #service;
  #session;
  #about = element("p", "", "hint");
  #links = document.createElement("ul");

  /** @param {import("./service.js").Service} service @param {() => string} session the id of the live one, or empty */
  constructor(service, session) {
    this.#service = service;
    this.#session = session;
    this.#about.setAttribute("role", "status");
    this.root.append(button("Link for a viewer", () => this.#share()), this.#about, this.#links);
  }

  async #share() {
    const session = this.#session();
    if (!session) {
      this.#about.textContent = "Start a call first: a link shows one that is live.";
      return;
    }
    try {
      const body = { watch: session, expires_after: { anchor: "created_at", seconds: LIFETIME } };
      const { id, value } = await this.#service.send("POST", "v1/realtime/client_secrets", body);
      const open = this.#service.key ? "" : ` ${OPEN}`;
      this.#about.textContent = `It is good for an hour, or until you withdraw it.${open}`;
      this.#links.append(this.#link(id, linkTo(session, value)));
    } catch (error) {
      this.#about.textContent = `There is no link: ${error.message}`;
    }
  }

  #link(id, url) {
    const item = document.createElement("li");
    const field = Object.assign(document.createElement("input"), { type: "text", readOnly: true, value: url });
    field.ariaLabel = "Link for a viewer";
    const copy = button("Copy", async () => {
      field.select();
      await navigator.clipboard?.writeText(url).then(() => (copy.textContent = "Copied"), () => undefined);
    });
    item.append(field, copy, button("Withdraw", () => this.#withdraw(id, item)));
    return item;
  }

  async #withdraw(id, item) {
    try {
      await this.#service.send("DELETE", `v1/realtime/client_secrets/${id}`);
      item.remove();
      this.#about.textContent = "The link was withdrawn; who watched by it sees nothing more.";
    } catch (error) {
      this.#about.textContent = `It was not withdrawn: ${error.message}`;
    }
  }
}

/** The secret is behind the #: browsers send that to no server. */
function linkTo(session, secret) {
  const url = new URL(location.href);
  url.hash = new URLSearchParams({ watch: session, secret }).toString();
  return url.href;
}
