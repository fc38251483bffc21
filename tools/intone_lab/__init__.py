"""The lab: corpora, training, export and evaluation of intone's models."""
