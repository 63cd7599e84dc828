"""Deletes Jobs ttlSecondsAfterFinished after they have finished."""
