"""Namespaces: drains what is deleted; gives new ones their service account and root certificate."""
