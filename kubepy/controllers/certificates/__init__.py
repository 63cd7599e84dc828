"""CertificateSigningRequests: kubelets' approved, approved ones signed, old ones removed.

`requests` are pure rules about requests, `authority` signs (pure but for the key it holds); `approver`,
`signer` and `cleaner` are the three controllers. Nothing here opens files but `signer.new`.
"""
