"""Image models: classification, person detection, colors, vision towers."""
