"""Looks at corpora before anything is trained on them: a page of pictures and a table."""
