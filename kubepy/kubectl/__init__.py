"""`kubepy kubectl`: a command-line client that behaves as kubectl does, against any Kubernetes API server.

`main` finds the command, `commands` has one file per command, `printers` and `describers` make the text.
Between them: `flags` (parsing), `session` (who talks to which server), `discovery` and `builder` (from words
and files to objects), `failures` (errors in kubectl's sentences).

It knows the server only through its API and keeps no state but the kubeconfig. It may import `client`,
`streaming`, `api` (for merge keys of built-in kinds), `machinery` and `util`; never a component of a cluster.
Modules import late what only some commands need: a command line should answer at once.
"""
