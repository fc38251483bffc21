"""On whom settings were chosen: what is reported is to be told of the others, too."""

from __future__ import annotations

_NUMBERS = {
    "ravdess": "02 04 07 10 13 14 15 17",
    "crema_d": (
        "1004 1006 1010 1011 1016 1021 1027 1028 1029 1036 1038 1040 1041 1049 1050 1053 1055 "
        "1059 1062 1063 1064 1065 1071 1073 1077 1078"
    ),
    "emodb": "09 11",
}
"""Folds 4 and 5 of seed 1, as the corpora's copies here dealt them. By name: with another seed, or
of fuller copies, the same people stand in other folds."""

DEVELOPMENT_SPEAKERS = frozenset(
    f"{corpus}/{number}" for corpus, numbers in _NUMBERS.items() for number in numbers.split()
)
"""By :attr:`intone_lab.corpora.Clip.speaker`. A few choices were made with all speakers in view
(docs/experiments.md says which)."""
