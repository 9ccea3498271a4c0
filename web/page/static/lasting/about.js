/** About: versions, licence, models and documents. Everything that is linked is on this server. */

import { element } from "../view.js";

const SHIELD = "It runs on this server, and this page loads nothing from any other.";

/** The About section; what it tells is read when it is first opened. */
export class About {
  root = element("details", "", "colophon");
  #service;

  /** @param {import("./service.js").Service} service */
  constructor(service) {
    this.#service = service;
    this.root.append(element("summary", "About eyeline"));
    this.root.addEventListener("toggle", () => this.root.open && this.#read(), { once: true });
  }

  async #read() {
    const text = element("p", "…");
    this.root.append(text);
    try {
      this.#show(await this.#service.get("about"), text);
    } catch (error) {
      text.textContent = `The server does not tell: ${error.message}`;
    }
  }

  #show(about, text) {
    text.textContent = `eyeline ${about.version}, ${about.licence}. ${SHIELD}`;
    const versions = Object.entries(about.packages).map(([name, version]) => `${name} ${version}`);
    this.root.append(
      element("p", `Python ${about.python}, ${versions.join(", ")}`, "small"),
      this.#links("Documents", [...about.documents, { title: "Endpoints (OpenAPI)", path: "/openapi.json" }]),
      this.#links("Cards of the models trained here", about.cards),
      this.#models(about.weights),
    );
  }

  #links(title, documents) {
    const part = document.createElement("section");
    const list = document.createElement("ul");
    for (const { title: name, path } of documents) {
      const item = document.createElement("li");
      item.append(Object.assign(element("a", name), { href: this.#service.url(path).href, target: "_blank", rel: "noopener" }));
      list.append(item);
    }
    part.append(element("h3", title), list);
    return part;
  }

  #models(weights) {
    const part = document.createElement("section");
    const list = document.createElement("ul");
    list.append(...weights.map(({ name, summary, licence, source }) => element("li", `${name}: ${summary}. ${licence}. ${source}`)));
    part.append(element("h3", "Models of others"), list);
    return part;
  }
}
