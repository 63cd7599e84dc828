"""ReplicaSet: as many pods as asked for."""
