"""Linear heads fitted to what a network makes of utterances, all of them at once.

What they are asked for and how much each utterance counts (:mod:`intone_lab.heads.rows`), and
the fit itself (:mod:`intone_lab.heads.regression`).
"""
