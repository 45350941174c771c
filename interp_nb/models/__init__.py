"""Models and the one gate to them: load, name sites, tokenize, lock, edit, run.

Nothing is re-exported here: `interp_nb.models.edit` is the module, and the public names live in `interp_nb`.
"""
