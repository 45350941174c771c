"""The Python side of every live widget, and the static pictures and pages that need no kernel.

Results find their widget by name when they are shown; nothing here is imported before.
"""
