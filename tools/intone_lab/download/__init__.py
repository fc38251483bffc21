"""Corpora from their official homes, checked and unpacked."""
