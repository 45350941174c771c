"""Steering: vectors that change what a model says, applied under generation, measured and priced."""
