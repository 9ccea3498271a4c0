"""Text in pictures: where it is, what it says, and in which order it is read."""
