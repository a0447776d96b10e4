"""The files that checkpoints come in, a module each."""
