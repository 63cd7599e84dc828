"""ReplicationController: a ReplicaSet whose selector is a map; the ReplicaSet's room does the work."""
