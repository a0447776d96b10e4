"""Ways of answering that change no weights: facts are put before the prompt. An honest table has them beside the edits."""
