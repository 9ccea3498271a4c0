"""What the user says: its kind, what a question asks for, and what a follow-up refers to."""
