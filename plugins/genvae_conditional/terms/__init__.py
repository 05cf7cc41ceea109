"""Terms of the loss that need a condition."""
