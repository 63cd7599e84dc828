"""Service account tokens in Secrets: those of the type kubernetes.io/service-account-token get one.

``tokens`` makes and judges them (pure), ``controller`` fills and removes the Secrets. Pods use bound tokens
instead; these are for who needs one that does not expire.
"""
