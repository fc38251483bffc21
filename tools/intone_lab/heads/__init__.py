"""Linear heads fitted to what a network makes of utterances, all of them at once.

What they are asked for and how much each utterance counts (:mod:`intone_lab.heads.rows`), the
fit itself (:mod:`intone_lab.heads.regression`), and, of networks that the lab trains, what they
pool (:mod:`intone_lab.heads.pooled`) and new heads for them (:mod:`intone_lab.heads.refit`).
"""
