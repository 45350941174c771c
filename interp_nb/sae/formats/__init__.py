"""SAEs in the files of this and other libraries: one reader and writer a family, what they share, and `inspect_sae`.

`base` says what a family has to say of itself, `registry` finds out which family a folder is of.
"""
