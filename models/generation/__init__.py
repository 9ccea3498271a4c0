"""Video made live: a codec, one causal diffusion transformer, three ways to sample it."""
