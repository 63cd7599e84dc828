"""This machine as a Node: what it has (`facts`), how it is (`status`, pure), telling the API (`agent`), its pod
network (`network`)."""
