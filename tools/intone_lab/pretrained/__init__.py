"""The model that stands on two networks trained on many thousand voices: ``pretrained``.

They are those that teach the others (:mod:`intone_lab.teacher`), cut off where they know most
of moods and voices. They are left as they are; what is trained are two linear heads on the mean
and the deviation of their frames over an utterance.
"""
