"""What a path carries, in both directions: wire formats, estimates and feedback, without I/O."""
