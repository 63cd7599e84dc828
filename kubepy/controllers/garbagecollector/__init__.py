"""Garbage collector: deletes what is owned by what is gone; carries out foreground and orphan deletion."""
