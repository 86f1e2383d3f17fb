"""Commands that only instructors have; a release lacks them."""
