"""Draw what a model knows, for the page: `python -m models.training.video.known`.

One picture has a cell for each kind of thing, each background and each of `PRESETS`, as the model
itself draws them; a JSON file names them in that order.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

from models.generation.chunk_request import ChunkRequest, Pixels
from models.generation.codec.codec import FRAMES_PER_LATENT
from models.generation.small.generator import SmallVideoGenerator
from models.generation.small.loading import SmallVideoModel, find_files, load_files
from models.generation.small.planner import START_POSITIONS
from models.generation.small.prompts.reader import read_prompt
from models.generation.small.prompts.vocabulary import (
    Vocabulary,
    split_list,
    with_article,
    without_article,
)
from models.generation.small.prompts.word_tables import THINGS

CELL = 44  # pixels of a side
COLUMNS = 8
CHUNKS = 3  # the last frame is shown
STEPS = 4
QUALITY = 70
THING_SHARE = 0.62  # of the frame around a thing
CORNER = (0.15, 0.15)  # of the thing in front of a background, which is cut off
GROUPS = {  # on the page, of families in the tables of words
    "Mammals": ("mammals",),
    "Birds": ("birds",),
    "Other animals": ("water animals", "reptiles and small animals"),
    "Vehicles": ("vehicles",),
    "Food": ("fruit and food",),
    "Plants": ("plants",),
    "People": ("people and figures",),
    "Objects": ("balls and toys", "objects"),
}
PRESETS = (
    "a duck on grass, moving to the left",
    "a dolphin and a whale in water",
    "a hot air balloon rising over mountains",
    "a penguin and a snowman on snow",
    "an astronaut and a ufo on stars, moving in a circle",
    "a fire engine and a police car on gravel, moving to the right",
)


def draw(model: SmallVideoModel, prompt: str, *positions: tuple[float, float]) -> Pixels:
    """Return a frame of `prompt` whose things stay at `positions`."""
    generator = SmallVideoGenerator(model)
    track = np.array([[position] * FRAMES_PER_LATENT for position in positions], np.float32)
    request = ChunkRequest(prompt=((prompt, 1.0),), steps=STEPS, track=track)
    state = generator.init_state("motion-stream", seed=0)
    shown: list[Pixels] = []
    for _ in range(CHUNKS):
        state, frames = generator.step(state, request)
        shown += frames
    return shown[-1]


def presets(known: Vocabulary) -> list[str]:
    """Return those of `PRESETS` that a model can draw."""
    readings = [read_prompt(prompt, known) for prompt in PRESETS]
    return [each.text for each in readings if each.drawable and not each.unknown]


def groups(known: Vocabulary) -> dict[str, list[str]]:
    """Return the kinds of things in the groups in which the page offers them."""
    found = {}
    for title, families in GROUPS.items():
        lines = [line for family in families for line in THINGS[family]]
        names = {name for line in lines for group in split_list(line) for name in group}
        found[title] = [kind for kind in known.kinds if kind in names]
    return {title: kinds for title, kinds in found.items() if kinds}


def cells(model: SmallVideoModel) -> list[Pixels]:
    """Return the pictures of all things, backgrounds and presets."""
    known = model.info.vocabulary
    side = model.info.size
    margin = round(side * (1 - THING_SHARE) / 2)
    middle = slice(margin, side - margin)
    free = slice(round(side * (1 - THING_SHARE)), side)
    ground, thing = known.grounds[0], known.kinds[-1]
    pictures = [
        draw(model, f"{with_article(kind)} on {ground}", (0.5, 0.5))[middle, middle]
        for kind in known.kinds
    ]
    pictures += [
        draw(model, f"{with_article(thing)} on {each}", CORNER)[free, free]
        for each in known.grounds
    ]
    for prompt in presets(known):
        count = len(read_prompt(prompt, known).things)
        pictures.append(draw(model, prompt, *START_POSITIONS[count]))
    return pictures


def write(model: SmallVideoModel, folder: Path) -> None:
    """Write `known.webp` and `known.json`."""
    made, known = cells(model), model.info.vocabulary
    rows = -(-len(made) // COLUMNS)
    sheet = Image.fromarray(np.zeros((rows * CELL, COLUMNS * CELL, 3), np.uint8))
    for number, picture in enumerate(made):
        row, column = divmod(number, COLUMNS)
        small = Image.fromarray(picture).resize((CELL, CELL), Image.Resampling.LANCZOS)
        sheet.paste(small, (column * CELL, row * CELL))
    sheet.save(folder / "known.webp", quality=QUALITY, method=6)
    fields = {
        "columns": COLUMNS,
        "rows": rows,
        "things": known.kinds,
        "backgrounds": [without_article(ground) for ground in known.grounds],
        "presets": presets(known),
        "groups": groups(known),
    }
    (folder / "known.json").write_text(json.dumps(fields) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="folder of the model (the one that ships)")
    parser.add_argument("--to", type=Path, default=Path("web/page/static/draw"))
    options = parser.parse_args()
    write(load_files(find_files(options.model, enlarged=False)), options.to)


if __name__ == "__main__":
    main()
