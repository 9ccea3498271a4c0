"""How the weights of the end of a turn were made: places to pause in clips of speech, and a fit."""
