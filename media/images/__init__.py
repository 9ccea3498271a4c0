"""Image files: which are taken, their decoding in processes of its own, and encoding as JPEG."""
