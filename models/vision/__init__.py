"""Image models: classification, person detection, colours."""
