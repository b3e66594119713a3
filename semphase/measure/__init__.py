"""Forward passes: a model and tokens in, labelled arrays out.

Sites, edits and items are plain data and need no torch; import each from its own module.
"""
