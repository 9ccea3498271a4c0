"""`eyeline engines`: the stored engines of the networks."""
