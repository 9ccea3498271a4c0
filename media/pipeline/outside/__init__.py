"""A model outside this service that answers questions: any server of OpenAI's chat completions."""
