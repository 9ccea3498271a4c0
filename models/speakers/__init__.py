"""Who speaks: voices as vectors, vectors as speakers, speakers on words, and their names."""
