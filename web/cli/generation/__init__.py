"""The command that draws a video to a file."""
