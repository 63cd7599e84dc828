"""Bootstrap tokens, with which machines join: old ones removed, and cluster-info signed with the others.

``tokens`` reads the Secrets and signs (pure); ``cleaner`` and ``signer`` are the two controllers.
"""
