"""Audio: resampling, PCM and G.711."""
