"""The small video model that ships."""
