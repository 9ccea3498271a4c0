"""ANCAT: an adaptive non-causal attention transducer."""
