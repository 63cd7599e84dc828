"""Work queues: what to reconcile next, each item once at a time, failed ones later and later.

`WorkQueue` (queue.py) is fair, stingy and safe for many producers and consumers, `PriorityWorkQueue`
(priority.py) besides lets some go first; `rate_limiter.py` says how long a failed item waits. Waits are
timers of the Clock, so a queue owns no task.

This package imports `util` only and knows nothing of the Kubernetes API.
"""

from kubepy.workqueue.priority import LOW_PRIORITY, PriorityWorkQueue
from kubepy.workqueue.queue import QueueObserver, ShutDown, WorkQueue
from kubepy.workqueue.rate_limiter import (
    BucketRateLimiter,
    ItemExponentialFailureRateLimiter,
    MaxOfRateLimiter,
    RateLimiter,
    default_controller_rate_limiter,
    default_item_based_rate_limiter,
)

__all__ = [
    "LOW_PRIORITY",
    "BucketRateLimiter",
    "ItemExponentialFailureRateLimiter",
    "MaxOfRateLimiter",
    "PriorityWorkQueue",
    "QueueObserver",
    "RateLimiter",
    "ShutDown",
    "WorkQueue",
    "default_controller_rate_limiter",
    "default_item_based_rate_limiter",
]
