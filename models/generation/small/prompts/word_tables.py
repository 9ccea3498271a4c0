"""Words that prompts use, known to a model or not: names of things and places, and what moves them.

A line is a family: related things, the nearest to each other. Names of the same thing are joined
by a slash, the usual one first. The tables hold far more than a model can draw: they tell a thing
from a place, and what is nearest to something that cannot be drawn.
"""

THINGS: dict[str, tuple[str, ...]] = {
    "mammals": (
        "cat/kitten/kitty, tiger/big cat, lion/lioness, leopard, panther, cheetah, jaguar, lynx",
        "dog/puppy/doggy, wolf, fox, poodle, terrier, dachshund, retriever, husky",
        "horse/pony, zebra, donkey, unicorn, mule, foal",
        "cow/bull/cattle, ox, buffalo, bison, calf, yak",
        "rabbit/bunny/hare, squirrel/chipmunk, mouse/rat, hamster, hedgehog, beaver, guinea pig",
        "pig/hog/piglet, boar",
        "sheep/lamb, goat, llama, alpaca, deer, reindeer, moose, antelope",
        "elephant, rhinoceros/rhino, hippopotamus/hippo, giraffe, camel, mammoth",
        "bear, panda, koala, polar bear, raccoon, badger, sloth",
        "monkey/ape, gorilla, chimpanzee, kangaroo, bat",
    ),
    "birds": (
        "duck/mallard/duckling, swan/goose, pelican, flamingo, heron, stork, seagull",
        "penguin, puffin, ostrich",
        "owl/white owl, eagle/hawk, falcon, vulture, crow, raven",
        "rooster/hen/chicken, chick, turkey, peacock",
        "bird, parrot, pigeon, dove, sparrow, robin, hummingbird, woodpecker, toucan",
    ),
    "water animals": (
        "fish/tropical fish, shark, goldfish, salmon, eel, ray, seahorse",
        "whale, dolphin, orca, seal, walrus, otter",
        "octopus, squid, jellyfish, starfish, crab, lobster, shrimp, shell",
    ),
    "reptiles and small animals": (
        "frog/toad, salamander, newt, tadpole",
        "turtle/tortoise, crocodile/alligator, lizard/gecko, snake, iguana, chameleon",
        "dinosaur/t rex, dragon, monster",
        "snail, slug, worm, caterpillar",
        "butterfly, bee/wasp, ladybird/ladybug/beetle, spider, ant, fly, moth, dragonfly, insect",
    ),
    "vehicles": (
        "car/automobile, truck/lorry, bus, taxi, van, tractor, fire engine/fire truck, ambulance, "
        "police car, jeep, limousine",
        "bicycle/bike, motorcycle/motorbike, scooter, skateboard, tricycle, wheelchair, carriage",
        "train/locomotive, tram, wagon, subway",
        "balloon, hot air balloon, airplane/plane/aeroplane, helicopter, rocket, "
        "ufo/flying saucer, spaceship, drone, kite, airship, jet",
        "sailboat/boat, ship/ferry, submarine, canoe, yacht, raft",
    ),
    "fruit and food": (
        "apple, pear, peach, plum, quince",
        "orange/mandarin, lemon, lime, grapefruit, tangerine",
        "strawberry/berry, raspberry, cherry, blueberry, grape, tomato",
        "banana, pineapple, watermelon, melon, mango, coconut, kiwi",
        "carrot, potato, onion, pumpkin, cucumber, corn, pepper, broccoli, lettuce",
        "pizza, hamburger/burger, hot dog, sandwich, bread, cake, pie, ice cream, cookie, cheese, "
        "egg, donut, chocolate, soup, sausage, pancake, sushi",
    ),
    "plants": (
        "mushroom/toadstool, fungus",
        "flower/blossom/bloom/sunflower, rose, tulip, daisy, lily, orchid, dandelion",
        "tree, bush, palm, oak, fir, bamboo, cactus, plant",
    ),
    "balls and toys": (
        "football/soccer ball, basketball, ball, tennis ball, baseball, volleyball, golf ball, "
        "globe, marble",
        "teddy bear/teddy, doll, robot, toy, puppet, puzzle, lego, dice",
    ),
    "people and figures": (
        "person/man/woman, child, boy, girl, baby, people, lady, guy, family, crowd",
        "astronaut, knight, pirate, wizard, witch, king, queen, princess, soldier, doctor, "
        "fireman, policeman, dancer, clown, cowboy, ninja, chef, teacher, santa",
        "snowman, ghost, angel, alien, zombie, vampire, mermaid, fairy, skeleton, statue",
    ),
    "objects": (
        "cup/mug/coffee cup, bottle, glass, plate, bowl, spoon, fork, knife, pot, teapot, jar",
        "book, newspaper, letter, pen, pencil, notebook, map, box, card, flag",
        "guitar, piano, violin, drum, trumpet, flute, microphone",
        "hat/top hat, shoe/sneaker, boot, shirt, dress, coat, sock, glove, bag, umbrella, crown",
        "clock/alarm clock, watch, camera, phone, telephone, laptop, computer, television, lamp, "
        "key, lock, candle, radio, screen, light bulb",
        "chair, table, sofa, bed, door, window, desk, bench, wheel, ladder, mirror",
        "star, heart, diamond, ring, coin, circle, square, triangle, cube, sphere",
        "house, castle, tower, church, bridge, tent, lighthouse, windmill, skyscraper, temple",
        "hammer, sword, scissors, axe, gun, saw, rope, anchor, fire, snowflake, cloud, sun",
    ),
}

PLACES: dict[str, tuple[str, ...]] = {
    "outdoors": (
        "grass/lawn/meadow/grassland, field, pasture, garden, park, hill, farm, yard, valley",
        "green leaf/big leaf, ivy/ivy leaves, autumn leaves/fallen leaves, forest/woods, jungle, "
        "tree tops",
        "reeds by the sea/dune grass/reeds, beach, coast, shore, dunes, swamp, pond",
        "red petals/orange petals/petals, flower bed, flowers",
        "gravel/pebbles, sand/desert, stones, soil/dirt, cracked earth/dry ground, rocks/brook, "
        "river, ground, mud, path, beach",
        "water/sea, ocean, coral reef/reef, lake at dusk, waves, lake, harbour, pool, river",
        "mountains/snowy mountains/mountain, mountains at night, mountain path, volcano, cliff, "
        "canyon, cave, island",
        "snow/snowy field, ice, glacier, white wall",
    ),
    "sky": (
        "stars/night sky/starry sky, moon/craters, space/outer space, galaxy, planet, mars, night",
        "stormy sky/road under dark clouds/dark clouds/storm clouds, storm, thunderstorm, rain, "
        "road, street, highway, city, town, village",
        "blue sky/sky/clouds, sunset/evening sky, sunrise, rainbow, blue wall, air",
    ),
    "indoors": (
        "wood/wooden planks/planks/wooden floor, table, floor, desk, shelf, boat deck, bridge",
        "bricks/brick wall, stone wall, wall, house, castle, building, rooftop, stairs",
        "white wall, blue wall, yellow wall, red wall, green wall, black wall, grey wall, "
        "pink wall",
        "white wall, room, kitchen, bathroom, bedroom, office, school, studio, bed, carpet, sofa, "
        "stage, background, wallpaper",
    ),
}

COLORS = (
    "red, orange, yellow, green, blue, purple/violet, pink, brown, black, white, grey/gray, "
    "golden/gold, silver, turquoise/cyan"
)
SIZES = "small/little/tiny/mini/miniature, large/big/huge/giant/enormous/gigantic"

# What a motion is called; verbs stand for all their forms. "free" is motion without a direction.
MOTION_PHRASES: dict[str, str] = {
    "circle": "in a circle, in circles, round and round, around in circles, round, a circle",
    "bounce": "up and down",
    "wave": "back and forth, from side to side, side to side, left and right, from left to right "
    "and back",
    "left": "to the left, towards the left, left, leftwards, leftward, from right to left",
    "right": "to the right, towards the right, right, rightwards, rightward, from left to right",
    "up": "up, upwards, upward, to the top",
    "down": "down, downwards, downward, to the bottom",
    "still": "still, not move, not moving, motionless, at rest, does not move, do not move, "
    "parked, never move, never moves, never moving, without moving, no motion, no movement",
    "free": "about, around, following a path, along a path",
}
MOTION_VERBS: dict[str, str] = {
    "circle": "circle, orbit, spin, spiral, rotate, loop",
    "bounce": "bounce, hop, jump, leap",
    "wave": "swing, sway, rock",
    "up": "rise, climb, float, lift, ascend",
    "down": "sink, fall, drop, descend, dive",
    "still": "rest, sit, stand, sleep, lie, wait, stay",
    "free": "move, go, come, drift, slide, wander, roam, run, walk, drive, swim, fly, roll, crawl, "
    "race, travel, glide, march, stroll, sail, gallop, trot, follow, hover",
}
SPEEDS: dict[float, str] = {
    1.6: "fast, quick, quickly, rapid, rapidly, swiftly, speeding",
    0.55: "slow, slowly, gentle, gently, calm, calmly",
}

DETERMINERS = "a, an, the, my, your, his, her, our, their, another, this, these, those"
COUNTS = (
    "two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, twenty, dozen, hundred, "
    "thousand, million, several, many, some, few, both, dozens, hundreds, thousands, lots, pair, "
    "couple, group, herd, flock, bunch, swarm, crowd, school of, lot"
)
JOINS = (
    "and, with, next to, beside, besides, together with, near, by, plus, of, to, then, as, or, but"
)
NEGATIONS = (
    "no, not, without, without any, never, except, except for, excluding, minus, instead of, zero, "
    "rather than, other than, neither, nor, free of, anything but, everything but, 0"
)
PLACING = (
    "on, in, over, above, under, below, beneath, at, behind, before, against, through, across, "
    "along, inside, onto, into, upon, in front of, on top of, the background is, background is, "
    "from, towards, toward, between, among, around a, around the"
)
BEHIND = "behind it, behind them, in the background, as background, as the background"
RELATIVES = "that, which, who, is, are, was, be, being, it, they, while, does, do"
FILLERS = (
    "video, videos, picture, image, photo, clip, film, scene, movie, show, me, please, draw, "
    "paint, make, create, generate, i, want, would, like, see, can, you, there, let, us, one, of, "
    "its, very, here, just, only, also, either, exactly, nothing but, not only, not just, "
    "in the foreground, in the middle, in the center, in the air, side, one"
)

FUNCTION_WORDS: dict[str, str] = {  # of other languages: words that English does not have
    "French": "un, une, le, la, les, des, du, sur, dans, avec, et, au, aux, est, qui, devant",
    "German": "ein, eine, einen, einem, der, das, auf, im, mit, und, vor, ueber, uber, dem, den",
    "Spanish": "un, una, el, la, los, las, sobre, en, con, y, del, que, unos",
    "Italian": "un, una, uno, il, lo, la, gli, sul, sulla, nel, nella, con, e, che, davanti",
}
NOUNS_IN_ING = (  # that look like verbs
    "building, king, ring, wing, string, spring, ceiling, painting, clothing, pudding, starling, "
    "duckling, wedding, thing, morning, evening, icing, earring, viking, herring, lightning"
)
