"""Storage of keys and values: device, RAM and disk."""
