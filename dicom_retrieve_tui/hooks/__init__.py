"""Commands of the user that run beside a retrieval and after it: `--on-study`, `--on-finish`."""
