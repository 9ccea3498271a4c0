"""The loaded models as servers that all sessions share, one for each capability."""
