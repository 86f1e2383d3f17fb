"""What runs in the sandbox, beside a hand-in."""
