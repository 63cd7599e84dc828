"""Admission by webhooks: MutatingWebhookConfiguration and ValidatingWebhookConfiguration.

`configuration` compiles them, `calling` sends one AdmissionReview and reads the answer, `mutating` and
`validating` are the two plugins. How a call travels is the business of the package apiserver/webhooks.
"""
