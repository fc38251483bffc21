"""A large network that has heard many voices, and what a small one learns from how it hears.

Five corpora hold a hundred speakers, or somewhat more. What tells a voice's mood from its owner
is better learnt from more: the first blocks of Whisper's smallest encoder (Radford et al.,
"Robust Speech Recognition via Large-Scale Weak Supervision", 2022; here as smart-turn tuned it
to hear ends of turns) turn speech into frames from which a linear layer tells emotion and
gender of strangers better than any network did that was trained on the corpora alone
(docs/models.md). The network in training is asked for these frames besides its labels:
knowledge distillation by features (Romero et al., "FitNets", 2015). The teacher has no part in
what ships, and sees no label.
"""
