"""Live video generation: a codec, one causal diffusion transformer, three samplers."""
