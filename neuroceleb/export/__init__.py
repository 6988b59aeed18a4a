"""Exports of a model for programs and machines without PyTorch."""
