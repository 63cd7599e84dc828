"""A pod's status: worked out from what the runtime says (`pod_status`, pure), told to the API (`manager`)."""
