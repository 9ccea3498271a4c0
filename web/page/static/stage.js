/** Which picture is large, once there is generated video: it, or the camera. */

/** The camera's and the generated picture; the smaller one is in the corner of the other. */
export class Stage {
  #stage;
  #drawing = false; // whether the Draw tab is shown
  #swapped = false;

  /** @param {Record<string, HTMLElement>} page its parts */
  constructor(page) {
    this.#stage = page.stage;
    page.swap.onclick = () => this.#swap();
    for (const [picture, name] of [[page.camera, "generated"], [page.generated, "camera"]]) {
      // A click on the corner; the large one has other uses.
      picture.onclick = () => this.#stage.dataset.generated === "on" && this.#stage.dataset.main === name && this.#swap();
    }
    this.#arrange();
  }

  /** The Draw tab shows what is drawn, the others the camera. @param {boolean} drawing */
  follow(drawing) {
    if (drawing !== this.#drawing) this.#swapped = false;
    this.#drawing = drawing;
    this.#arrange();
  }

  #swap() {
    this.#swapped = !this.#swapped;
    this.#arrange();
  }

  #arrange() {
    this.#stage.dataset.main = this.#drawing === this.#swapped ? "camera" : "generated";
  }
}
