"""Server-side apply's core: who owns which field, and what a merge of two writers' wishes is.

Pure: sets of fields in the form of FieldsV1 (`fields`), what a schema says about ownership (`types`, compiled
once per schema), the rules of update and apply (`updating`, `applying`) and the entries of
metadata.managedFields (`managers`). It knows no kind by name and neither clock nor request. Fields and
objects given to it are never changed; what it returns may share parts with them. Specified by Kubernetes'
page "Server-Side Apply" and KEP-555.
"""
