"""From settings to loaded models: weights, workers, progress of downloads."""
