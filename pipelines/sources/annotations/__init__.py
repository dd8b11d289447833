"""Readers of annotation files: captions, conversations and boxes that data sets publish beside their images."""
