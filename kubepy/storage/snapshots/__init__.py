"""Snapshots of a storage: told apart, checked, restored into a new place, taken on a schedule.

`files` knows what any snapshot can be asked, `schedule` takes and removes them by the clock, `bolt` reads and
writes the database file of an etcd member, which is what a snapshot of etcd is. Restoring needs no running
server, and none of etcd's tools.
"""
