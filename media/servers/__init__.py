"""Model servers: what waits for a model, in which order it runs, how it is gathered, measured."""
