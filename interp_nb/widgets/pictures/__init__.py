"""The static pictures, one module per widget, of the same name: `draw(result)` returns a matplotlib figure."""
