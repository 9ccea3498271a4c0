"""What a client sends: its JSON text, the models of its events, the images in them."""
